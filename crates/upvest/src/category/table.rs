//! The rows.
//!
//! Sources: Upvest's `OpenAPI` specification and guides, for types, lifecycles and keys; the domains are our own groups.
//! Lifecycles that Upvest's pages do not spell out are read off the order of the specification's enumerations.

use super::Domain::*;
use super::{Category, Domain, Role};

/// Says what most rows have in common: a snapshot of an entity that is named like the category and keyed by `id`.
const fn snapshot(domain: Domain, name: &'static str) -> Category {
    Category {
        name,
        domain,
        entity: name,
        key: &["id"],
        role: Role::Snapshot,
        lifecycle: &[],
        notices: &[],
        statuses: &[],
    }
}

/// Makes the row of a part of another entity, in its map `map` under the object's `id`.
const fn part(domain: Domain, name: &'static str, map: &'static str, entity: &'static str) -> Category {
    Category {
        entity,
        role: Role::Part {
            map,
            id_field: Some("id"),
        },
        ..snapshot(domain, name)
    }
}

/// Handles everything that [`CATEGORIES`] does not name. Its entity is named after the event's own category.
pub static UNRECOGNISED: Category = snapshot(Unrecognised, "");

const PERSON: &[&[&str]] = &[
    &["CREATED"],
    &["ACTIVATED", "DEACTIVATED"],
    &["OFFBOARDING_INITIATED"],
    &["OFFBOARDED"],
];
const PERSON_STATUS: &[&[&str]] = &[&["ACTIVE", "INACTIVE"], &["OFFBOARDING"], &["OFFBOARDED"]];
const PERSON_NOTICES: &[&str] = &["DATA_CHANGED", "DATA_CHANGE_FAILED"];
const CHECK: &[&[&str]] = &[&["CREATED"], &["PASSED", "FAILED"]];
const CHECK_STATUS: &[&[&str]] = &[&["IN_PROGRESS"], &["PASSED", "FAILED"]];
const ACCOUNT: &[&[&str]] = &[&["CREATED"], &["ACTIVATED"], &["CLOSING_INITIATED"], &["CLOSED"]];
const ACCOUNT_STATUS: &[&[&str]] = &[
    &["PENDING_APPROVAL"],
    &["ACTIVE", "LOCKED"],
    &["CLOSING"],
    &["CLOSED"],
];
const ACCOUNT_NOTICES: &[&str] = &["UPDATED", "LOCKED"];
const PAYMENT: &[&[&str]] = &[&["NEW"], &["PROCESSING"], &["CONFIRMED", "CANCELLED"]];
const TRADE: &[&[&str]] = &[&["NEW"], &["PROCESSING"], &["FILLED"], &["SETTLED", "CANCELLED"]];
const SETTLEMENT: &[&[&str]] = &[&["NEW"], &["PROCESSING"], &["SETTLED", "CANCELLED"]];
const COLLECTION: &[&[&str]] = &[&["CREATED"], &["FINALISED", "CANCELLED"]];
const COLLECTION_STATUS: &[&[&str]] = &[&["PROCESSING"], &["FINALISED", "CANCELLED"]];

/// All categories that Upvest is known to send.
pub static CATEGORIES: &[Category] = &[
    // Users
    Category {
        lifecycle: PERSON,
        statuses: PERSON_STATUS,
        notices: PERSON_NOTICES,
        ..snapshot(Users, "USER")
    },
    Category {
        key: &["user_id"],
        role: Role::Part {
            map: "data_change_failures",
            id_field: None,
        },
        notices: &["DATA_CHANGE_FAILED"],
        ..snapshot(Users, "USER.DATA_CHANGE_FAILED")
    }
    .of_entity("USER"),
    Category {
        key: &["user_id"],
        lifecycle: CHECK,
        statuses: CHECK_STATUS,
        ..part(Users, "USER_CHECK", "checks", "USER")
    },
    Category {
        lifecycle: PERSON,
        statuses: PERSON_STATUS,
        notices: PERSON_NOTICES,
        ..snapshot(Users, "BUSINESS")
    },
    Category {
        key: &["business_id"],
        lifecycle: CHECK,
        statuses: CHECK_STATUS,
        ..part(Users, "BUSINESS_CHECK", "checks", "BUSINESS")
    },
    Category {
        lifecycle: &[&["CREATED"], &["ACTIVATED"], &["DEACTIVATED"]],
        ..snapshot(Users, "ROLE")
    },
    // Accounts
    Category {
        lifecycle: ACCOUNT,
        statuses: ACCOUNT_STATUS,
        notices: ACCOUNT_NOTICES,
        ..snapshot(Accounts, "ACCOUNT")
    },
    Category {
        lifecycle: ACCOUNT,
        statuses: ACCOUNT_STATUS,
        notices: ACCOUNT_NOTICES,
        ..snapshot(Accounts, "ACCOUNT_GROUP")
    },
    Category {
        lifecycle: &[&["CREATED"]],
        ..snapshot(Accounts, "VIRTUAL_BANK_ACCOUNT")
    },
    Category {
        lifecycle: &[&["NEW"], &["ACTIVE", "INACTIVE"], &["CLOSED"]],
        ..snapshot(Accounts, "ISA_WRAPPER")
    },
    Category {
        lifecycle: &[&["CREATED"], &["EXPIRED"]],
        notices: &["UPDATED"],
        ..snapshot(Accounts, "ISA_WRAPPER_ALLOWANCE")
    },
    // Payments
    Category {
        lifecycle: &[&["ISSUED"], &["CONFIRMED"], &["SETTLED", "CANCELLED"]],
        ..snapshot(Payments, "TOPUP")
    },
    Category {
        lifecycle: &[&["CONFIRMED", "CANCELLED"]],
        ..snapshot(Payments, "CREDIT_FUNDING")
    },
    Category {
        lifecycle: PAYMENT,
        ..snapshot(Payments, "DIRECT_DEBIT")
    },
    Category {
        lifecycle: PAYMENT,
        ..snapshot(Payments, "WITHDRAWAL")
    },
    Category {
        lifecycle: &[&["ISSUED"], &["CONFIRMED", "CANCELLED"]],
        ..snapshot(Payments, "VIRTUAL_CASH_INCREASE")
    },
    Category {
        lifecycle: &[&["ISSUED"], &["QUEUED"], &["CONFIRMED", "CANCELLED"]],
        ..snapshot(Payments, "VIRTUAL_CASH_DECREASE")
    },
    // Orders
    Category {
        lifecycle: &[&["NEW"], &["PROCESSING"], &["FILLED", "CANCELLED"]],
        ..snapshot(Orders, "ORDER")
    },
    Category {
        key: &["order_id"],
        lifecycle: &[&["FILLED"], &["SETTLED", "CANCELLED"]],
        ..part(Orders, "EXECUTION", "executions", "ORDER")
    },
    Category {
        key: &["order_id"],
        role: Role::Part {
            map: "cancellations",
            id_field: None,
        },
        lifecycle: &[&["REJECTED"]],
        ..snapshot(Orders, "ORDER_CANCELLATION")
    }
    .of_entity("ORDER"),
    // Holdings: snapshots without an id or a time of their own
    Category {
        key: &["account_id", "instrument.uuid"],
        notices: &["UPDATED"],
        ..snapshot(Holdings, "POSITION")
    },
    Category {
        key: &["account_group_id", "currency"],
        notices: &["UPDATED"],
        ..snapshot(Holdings, "CASH_BALANCE")
    },
    Category {
        notices: &["CREATED"],
        ..snapshot(Holdings, "ACCOUNT_VALUATION")
    },
    Category {
        notices: &["CREATED"],
        ..snapshot(Holdings, "INTRADAY_ACCOUNT_VALUATION")
    },
    Category {
        key: &["account_id", "date"],
        notices: &["CREATED"],
        ..snapshot(Holdings, "ACCOUNT_RETURNS")
    },
    // Ledger: append only, a cancellation is a line of its own
    Category {
        role: Role::Line,
        notices: &["EXECUTED"],
        ..snapshot(Ledger, "CASH_TRANSACTION")
    },
    Category {
        role: Role::Line,
        notices: &["EXECUTED"],
        ..snapshot(Ledger, "SECURITY_TRANSACTION")
    },
    // Portfolios
    snapshot(Portfolios, "PORTFOLIO"),
    Category {
        notices: &["CREATED", "CHANGED"],
        ..snapshot(Portfolios, "PORTFOLIO_ALLOCATION")
    },
    Category {
        lifecycle: TRADE,
        ..snapshot(Portfolios, "PORTFOLIO_ORDER")
    },
    Category {
        key: &["execution_id", "account_id"],
        lifecycle: &[&["NEW"], &["PROCESSING"], &["FILLED", "CANCELLED"]],
        ..snapshot(Portfolios, "REBALANCING_EXECUTION_ORDER")
    },
    Category {
        lifecycle: &[&["CREATED"], &["CANCELLED"]],
        ..snapshot(Portfolios, "SAVINGS_PLAN")
    },
    Category {
        lifecycle: TRADE,
        notices: &["REMINDER", "DATA_CHANGED"],
        ..snapshot(Portfolios, "SAVINGS_PLAN_EXECUTION")
    },
    Category {
        lifecycle: TRADE,
        ..snapshot(Portfolios, "ACCOUNT_LIQUIDATION")
    },
    // Transfers
    Category {
        lifecycle: SETTLEMENT,
        notices: &["DATA_CHANGED", "DATA_CHANGE"],
        ..snapshot(Transfers, "SECURITIES_TRANSFER")
    },
    Category {
        lifecycle: &[
            &["NEW"],
            &["PROCESSING"],
            &["PARTIALLY_SETTLED"],
            &["SETTLED", "CANCELLED"],
        ],
        ..snapshot(Transfers, "ACCOUNT_TRANSFER")
    },
    Category {
        lifecycle: &[
            &["NEW"],
            &["DISCOVERY"],
            &["DISCOVERY_CONFIRMED"],
            &["INSTRUCTED"],
            &["PROCESSING"],
            &["SETTLED"],
        ],
        ..snapshot(Transfers, "ISA_TRANSFER")
    },
    // Fees and taxes
    Category {
        lifecycle: COLLECTION,
        statuses: COLLECTION_STATUS,
        ..snapshot(Fees, "FEE_COLLECTION")
    },
    Category {
        lifecycle: COLLECTION,
        statuses: COLLECTION_STATUS,
        ..snapshot(Taxes, "TAX_COLLECTION")
    },
    Category {
        lifecycle: &[&["CREATED"], &["DELETED"]],
        notices: &["UPDATED"],
        statuses: &[&["NEW"], &["ACTIVE"], &["EXPIRED", "CANCELLED"]],
        ..snapshot(Taxes, "TAX_EXEMPTION")
    },
    // Reports
    Category {
        notices: &["CREATED"],
        ..snapshot(Reports, "REPORT")
    },
    Category {
        notices: &["CREATED"],
        ..snapshot(Reports, "TREASURY_REPORT")
    },
    // Instruments
    Category {
        lifecycle: &[&["ONBOARDED"], &["ACTIVATED", "DEACTIVATED"]],
        notices: &[
            "FRACTIONAL_TRADING_ENABLED",
            "FRACTIONAL_TRADING_DISABLED",
            "DATA_CHANGED",
        ],
        ..snapshot(Instruments, "INSTRUMENT")
    },
    // Corporate actions
    Category {
        notices: &["UPDATED"],
        ..snapshot(CorporateActions, "CORPORATE_ACTION")
    },
];

impl Category {
    const fn of_entity(mut self, entity: &'static str) -> Self {
        self.entity = entity;
        self
    }
}
