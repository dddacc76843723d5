//! The rows.
//!
//! Sources: Upvest's `OpenAPI` specification and guides, for types, lifecycles and keys; the domains are our own groups.
//! Lifecycles that Upvest's pages do not spell out are read off the order of the specification's enumerations.

use super::Domain::*;
use super::row::step;
use super::{Category, Domain, Role, Step};

/// Says what most rows have in common: a snapshot of an entity that is named like the category and keyed by `id`.
const fn snapshot(domain: Domain, name: &'static str) -> Category {
    Category {
        name,
        domain,
        entity: name,
        key: &["id"],
        fallback_key: &[],
        role: Role::Snapshot,
        lifecycle: &[],
        notices: &[],
        statuses: &[],
        status_field: "status",
        entity_status: None,
    }
}

/// The figures of an execution are what an order's sums are made of.
const EXECUTIONS: Role = Role::Part {
    map: "executions",
    id_field: Some("id"),
    figures: &["share_quantity", "cash_amount"],
};
/// Of several checks of a type the newest counts.
const CHECKS: Role = Role::Part {
    map: "checks",
    id_field: Some("id"),
    figures: &["type"],
};

/// A part of another entity.
const fn part(domain: Domain, name: &'static str, role: Role, entity: &'static str) -> Category {
    Category {
        entity,
        role,
        ..snapshot(domain, name)
    }
}

/// A part that tells that something did not happen, and has no id of its own.
const fn failure(domain: Domain, name: &'static str, map: &'static str, entity: &'static str) -> Category {
    let role = Role::Part {
        map,
        id_field: None,
        figures: &[],
    };
    part(domain, name, role, entity)
}

/// The row for everything that [`CATEGORIES`] does not name. Its entity is named after the event's own category.
pub static UNRECOGNISED: Category = snapshot(Unrecognised, "");

const PERSON: &[Step] = &[
    step(10, &["CREATED"]),
    step(20, &["ACTIVATED", "DEACTIVATED"]),
    step(30, &["OFFBOARDING_INITIATED"]),
    step(40, &["OFFBOARDED"]),
];
const PERSON_STATUS: &[Step] = &[
    step(20, &["ACTIVE", "INACTIVE"]),
    step(30, &["OFFBOARDING"]),
    step(40, &["OFFBOARDED"]),
];
const PERSON_NOTICES: &[Step] = &[step(20, &["DATA_CHANGED"])];
const CHECK: &[Step] = &[step(10, &["CREATED"]), step(20, &["PASSED", "FAILED"])];
const CHECK_STATUS: &[Step] = &[step(10, &["IN_PROGRESS"]), step(20, &["PASSED", "FAILED"])];
const ACCOUNT: &[Step] = &[
    step(10, &["CREATED"]),
    step(20, &["ACTIVATED"]),
    step(30, &["CLOSING_INITIATED"]),
    step(40, &["CLOSED"]),
];
const ACCOUNT_STATUS: &[Step] = &[
    step(10, &["PENDING_APPROVAL"]),
    step(20, &["ACTIVE", "LOCKED"]),
    step(30, &["CLOSING"]),
    step(40, &["CLOSED"]),
];
const ACCOUNT_NOTICES: &[Step] = &[step(20, &["UPDATED", "LOCKED"])];
const PAYMENT: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["CONFIRMED", "CANCELLED"]),
];
const TRADE: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["FILLED"]),
    step(40, &["SETTLED", "CANCELLED"]),
];
const PLAIN_TRADE: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["FILLED", "CANCELLED"]),
];
const SETTLEMENT: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["SETTLED", "CANCELLED"]),
];
const COLLECTION: &[Step] = &[step(10, &["CREATED"]), step(30, &["FINALISED", "CANCELLED"])];
const COLLECTION_STATUS: &[Step] = &[step(20, &["PROCESSING"]), step(30, &["FINALISED", "CANCELLED"])];
const EXEMPTION_STATUS: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["ACTIVE"]),
    step(30, &["EXPIRED", "CANCELLED"]),
];

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
        fallback_key: &["id"],
        notices: &[step(20, &["DATA_CHANGE_FAILED"])],
        ..failure(Users, "USER.DATA_CHANGE_FAILED", "data_change_failures", "USER")
    },
    Category {
        key: &["user_id"],
        lifecycle: CHECK,
        statuses: CHECK_STATUS,
        ..part(Users, "USER_CHECK", CHECKS, "USER")
    },
    Category {
        lifecycle: PERSON,
        statuses: PERSON_STATUS,
        notices: PERSON_NOTICES,
        ..snapshot(Users, "BUSINESS")
    },
    // Its schema is not public: it may look as that of a user, or name the business as its other events do.
    Category {
        key: &["business_id"],
        fallback_key: &["id"],
        notices: &[step(20, &["DATA_CHANGE_FAILED"])],
        ..failure(
            Users,
            "BUSINESS.DATA_CHANGE_FAILED",
            "data_change_failures",
            "BUSINESS",
        )
    },
    Category {
        key: &["business_id"],
        lifecycle: CHECK,
        statuses: CHECK_STATUS,
        ..part(Users, "BUSINESS_CHECK", CHECKS, "BUSINESS")
    },
    Category {
        lifecycle: &[
            step(10, &["CREATED"]),
            step(20, &["ACTIVATED"]),
            step(30, &["DEACTIVATED"]),
        ],
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
        lifecycle: &[step(10, &["CREATED"])],
        ..snapshot(Accounts, "VIRTUAL_BANK_ACCOUNT")
    },
    Category {
        lifecycle: &[
            step(10, &["NEW"]),
            step(20, &["ACTIVE", "INACTIVE"]),
            step(30, &["CLOSED"]),
        ],
        ..snapshot(Accounts, "ISA_WRAPPER")
    },
    Category {
        lifecycle: &[step(10, &["CREATED"]), step(30, &["EXPIRED"])],
        statuses: &[step(20, &["ACTIVE"]), step(30, &["EXPIRED"])],
        notices: &[step(20, &["UPDATED"])],
        ..snapshot(Accounts, "ISA_WRAPPER_ALLOWANCE")
    },
    // Payments
    Category {
        lifecycle: &[
            step(10, &["ISSUED"]),
            step(20, &["CONFIRMED"]),
            step(30, &["SETTLED", "CANCELLED"]),
        ],
        ..snapshot(Payments, "TOPUP")
    },
    Category {
        lifecycle: &[step(10, &["CONFIRMED", "CANCELLED"])],
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
        lifecycle: &[step(10, &["ISSUED"]), step(20, &["CONFIRMED", "CANCELLED"])],
        ..snapshot(Payments, "VIRTUAL_CASH_INCREASE")
    },
    Category {
        lifecycle: &[
            step(10, &["ISSUED"]),
            step(20, &["QUEUED"]),
            step(30, &["CONFIRMED", "CANCELLED"]),
        ],
        ..snapshot(Payments, "VIRTUAL_CASH_DECREASE")
    },
    // Orders
    Category {
        lifecycle: PLAIN_TRADE,
        ..snapshot(Orders, "ORDER")
    },
    Category {
        key: &["order_id"],
        lifecycle: &[step(10, &["FILLED"]), step(20, &["SETTLED", "CANCELLED"])],
        ..part(Orders, "EXECUTION", EXECUTIONS, "ORDER")
    },
    Category {
        key: &["order_id"],
        lifecycle: &[step(10, &["REJECTED"])],
        ..failure(Orders, "ORDER_CANCELLATION", "cancellations", "ORDER")
    },
    // Holdings: snapshots without an id or a time of their own
    Category {
        key: &["account_id", "instrument.uuid"],
        notices: &[step(10, &["UPDATED"])],
        ..snapshot(Holdings, "POSITION")
    },
    Category {
        key: &["account_group_id", "currency"],
        notices: &[step(10, &["UPDATED"])],
        ..snapshot(Holdings, "CASH_BALANCE")
    },
    // One entity for each account: its current valuation. The log has those of before.
    Category {
        key: &["account_id"],
        notices: &[step(10, &["CREATED"])],
        ..snapshot(Holdings, "ACCOUNT_VALUATION")
    },
    Category {
        key: &["account_id"],
        notices: &[step(10, &["CREATED"])],
        ..snapshot(Holdings, "INTRADAY_ACCOUNT_VALUATION")
    },
    Category {
        key: &["account_id", "date"],
        notices: &[step(10, &["CREATED"])],
        ..snapshot(Holdings, "ACCOUNT_RETURNS")
    },
    // Ledger: append only, a cancellation is a line of its own
    Category {
        role: Role::Line,
        notices: &[step(10, &["EXECUTED"])],
        ..snapshot(Ledger, "CASH_TRANSACTION")
    },
    Category {
        role: Role::Line,
        notices: &[step(10, &["EXECUTED"])],
        ..snapshot(Ledger, "SECURITY_TRANSACTION")
    },
    // Portfolios
    snapshot(Portfolios, "PORTFOLIO"),
    Category {
        notices: &[step(10, &["CREATED"]), step(20, &["CHANGED"])],
        ..snapshot(Portfolios, "PORTFOLIO_ALLOCATION")
    },
    Category {
        lifecycle: TRADE,
        ..snapshot(Portfolios, "PORTFOLIO_ORDER")
    },
    Category {
        // Events of before Upvest's release 1.125 have no id.
        fallback_key: &["execution_id", "account_id"],
        lifecycle: PLAIN_TRADE,
        ..snapshot(Portfolios, "REBALANCING_EXECUTION_ORDER")
    },
    Category {
        lifecycle: &[step(10, &["CREATED"]), step(20, &["CANCELLED"])],
        ..snapshot(Portfolios, "SAVINGS_PLAN")
    },
    Category {
        lifecycle: TRADE,
        notices: &[step(10, &["REMINDER", "DATA_CHANGED"])],
        ..snapshot(Portfolios, "SAVINGS_PLAN_EXECUTION")
    },
    Category {
        lifecycle: TRADE,
        ..snapshot(Portfolios, "ACCOUNT_LIQUIDATION")
    },
    // Transfers
    Category {
        lifecycle: SETTLEMENT,
        notices: &[step(20, &["DATA_CHANGED", "DATA_CHANGE"])],
        ..snapshot(Transfers, "SECURITIES_TRANSFER")
    },
    Category {
        lifecycle: &[
            step(10, &["NEW"]),
            step(20, &["PROCESSING"]),
            step(30, &["PARTIALLY_SETTLED"]),
            step(40, &["SETTLED", "CANCELLED"]),
        ],
        ..snapshot(Transfers, "ACCOUNT_TRANSFER")
    },
    Category {
        lifecycle: &[
            step(10, &["NEW"]),
            step(20, &["DISCOVERY"]),
            step(30, &["DISCOVERY_CONFIRMED"]),
            step(40, &["INSTRUCTED"]),
            step(50, &["PROCESSING"]),
            step(60, &["SETTLED"]),
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
        lifecycle: &[step(10, &["CREATED"]), step(30, &["DELETED"])],
        notices: &[step(20, &["UPDATED"])],
        statuses: EXEMPTION_STATUS,
        ..snapshot(Taxes, "TAX_EXEMPTION")
    },
    // The objects of the failures are small: id, times and a reason.
    Category {
        notices: &[step(30, &["CREATION_FAILED"])],
        entity_status: Some("CANCELLED"),
        statuses: EXEMPTION_STATUS,
        ..failure(
            Taxes,
            "TAX_EXEMPTION.CREATION_FAILED",
            "failures",
            "TAX_EXEMPTION",
        )
    },
    Category {
        notices: &[step(20, &["UPDATE_FAILED"])],
        ..failure(Taxes, "TAX_EXEMPTION.UPDATE_FAILED", "failures", "TAX_EXEMPTION")
    },
    Category {
        notices: &[step(20, &["DELETION_FAILED"])],
        ..failure(
            Taxes,
            "TAX_EXEMPTION.DELETION_FAILED",
            "failures",
            "TAX_EXEMPTION",
        )
    },
    // Reports
    Category {
        notices: &[step(10, &["CREATED"])],
        ..snapshot(Reports, "REPORT")
    },
    Category {
        notices: &[step(10, &["CREATED"])],
        ..snapshot(Reports, "TREASURY_REPORT")
    },
    // Instruments
    Category {
        lifecycle: &[step(10, &["ONBOARDED"]), step(20, &["ACTIVATED", "DEACTIVATED"])],
        notices: &[step(
            20,
            &[
                "FRACTIONAL_TRADING_ENABLED",
                "FRACTIONAL_TRADING_DISABLED",
                "DATA_CHANGED",
            ],
        )],
        ..snapshot(Instruments, "INSTRUMENT")
    },
    // Corporate actions
    Category {
        notices: &[step(10, &["UPDATED"])],
        status_field: "announcement_status",
        ..snapshot(CorporateActions, "CORPORATE_ACTION")
    },
];
