//! The rows.
//!
//! Sources: Upvest's `OpenAPI` specification and guides, for types, lifecycles and keys; the domains are our own groups.
//! Lifecycles that Upvest's pages do not spell out are read off the order of the specification's enumerations.

use super::Domain::*;
use super::row::step;
use super::steps::*;
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

/// Makes the row of an entity whose events name the steps of its life, as its status does.
const fn staged(domain: Domain, name: &'static str, lifecycle: &'static [Step]) -> Category {
    Category {
        lifecycle,
        ..snapshot(domain, name)
    }
}

/// Makes the row of an entity whose events all tell the same: that it is there, or another one.
const fn notice(
    domain: Domain,
    name: &'static str,
    key: &'static [&'static str],
    notices: &'static [Step],
) -> Category {
    Category {
        key,
        notices,
        ..snapshot(domain, name)
    }
}

/// Keeps an order's executions, with the figures that its sums are made of.
const EXECUTIONS: Role = Role::Part {
    map: "executions",
    id_field: Some("id"),
    figures: &["share_quantity", "cash_amount"],
};
/// Keeps a user's checks by their type: of several the newest counts.
const CHECKS: Role = Role::Part {
    map: "checks",
    id_field: Some("id"),
    figures: &["type"],
};

/// Makes the row of a category whose objects are parts of another entity.
const fn part(domain: Domain, name: &'static str, role: Role, entity: &'static str) -> Category {
    Category {
        entity,
        role,
        ..snapshot(domain, name)
    }
}

/// Makes the row of an event which tells that something did not happen, a part without an id of its own.
const fn failure(domain: Domain, name: &'static str, map: &'static str, entity: &'static str) -> Category {
    let role = Role::Part {
        map,
        id_field: None,
        figures: &[],
    };
    part(domain, name, role, entity)
}

/// Handles everything that [`CATEGORIES`] does not name. Its entity is named after the event's own category.
pub static UNRECOGNISED: Category = snapshot(Unrecognised, "");

/// Lists the categories that Upvest is known to send.
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
    staged(Users, "ROLE", ROLE),
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
    staged(Accounts, "VIRTUAL_BANK_ACCOUNT", &[step(10, &["CREATED"])]),
    staged(Accounts, "ISA_WRAPPER", WRAPPER),
    Category {
        lifecycle: &[step(10, &["CREATED"]), step(30, &["EXPIRED"])],
        statuses: &[step(20, &["ACTIVE"]), step(30, &["EXPIRED"])],
        notices: &[step(20, &["UPDATED"])],
        ..snapshot(Accounts, "ISA_WRAPPER_ALLOWANCE")
    },
    // Payments
    staged(Payments, "TOPUP", TOPUP),
    staged(
        Payments,
        "CREDIT_FUNDING",
        &[step(10, &["CONFIRMED", "CANCELLED"])],
    ),
    staged(Payments, "DIRECT_DEBIT", PAYMENT),
    staged(Payments, "WITHDRAWAL", PAYMENT),
    staged(
        Payments,
        "VIRTUAL_CASH_INCREASE",
        &[step(10, &["ISSUED"]), step(20, &["CONFIRMED", "CANCELLED"])],
    ),
    staged(Payments, "VIRTUAL_CASH_DECREASE", CASH_DECREASE),
    // Orders
    staged(Orders, "ORDER", PLAIN_TRADE),
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
    notice(Holdings, "POSITION", &["account_id", "instrument.uuid"], UPDATED),
    notice(
        Holdings,
        "CASH_BALANCE",
        &["account_group_id", "currency"],
        UPDATED,
    ),
    // One entity for each account: its current valuation. The log has those of before.
    notice(Holdings, "ACCOUNT_VALUATION", &["account_id"], CREATED),
    notice(Holdings, "INTRADAY_ACCOUNT_VALUATION", &["account_id"], CREATED),
    notice(Holdings, "ACCOUNT_RETURNS", &["account_id", "date"], CREATED),
    // Ledger: append only, a cancellation is a line of its own
    Category {
        role: Role::Line,
        notices: EXECUTED,
        ..snapshot(Ledger, "CASH_TRANSACTION")
    },
    Category {
        role: Role::Line,
        notices: EXECUTED,
        ..snapshot(Ledger, "SECURITY_TRANSACTION")
    },
    // Portfolios
    // Upvest lists `PORTFOLIO` without any type of event, so that none of them is unknown.
    snapshot(Portfolios, "PORTFOLIO"),
    Category {
        notices: &[step(10, &["CREATED"]), step(20, &["CHANGED"])],
        ..snapshot(Portfolios, "PORTFOLIO_ALLOCATION")
    },
    staged(Portfolios, "PORTFOLIO_ORDER", TRADE),
    Category {
        // Events of before Upvest's release 1.125 have no id.
        fallback_key: &["execution_id", "account_id"],
        lifecycle: PLAIN_TRADE,
        ..snapshot(Portfolios, "REBALANCING_EXECUTION_ORDER")
    },
    staged(
        Portfolios,
        "SAVINGS_PLAN",
        &[step(10, &["CREATED"]), step(20, &["CANCELLED"])],
    ),
    Category {
        lifecycle: TRADE,
        notices: &[step(10, &["REMINDER", "DATA_CHANGED"])],
        ..snapshot(Portfolios, "SAVINGS_PLAN_EXECUTION")
    },
    staged(Portfolios, "ACCOUNT_LIQUIDATION", TRADE),
    // Transfers
    Category {
        lifecycle: SETTLEMENT,
        // Upvest's reference has the one, its guide the other.
        notices: &[step(20, &["DATA_CHANGED", "DATA_CHANGE"])],
        ..snapshot(Transfers, "SECURITIES_TRANSFER")
    },
    staged(Transfers, "ACCOUNT_TRANSFER", ACCOUNT_TRANSFER),
    staged(Transfers, "ISA_TRANSFER", ISA_TRANSFER),
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
        // Upvest says that such an exemption is cancelled, and its object has no status.
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
    notice(Reports, "REPORT", &["id"], CREATED),
    notice(Reports, "TREASURY_REPORT", &["id"], CREATED),
    // Instruments
    Category {
        lifecycle: INSTRUMENT,
        notices: INSTRUMENT_NOTICES,
        ..snapshot(Instruments, "INSTRUMENT")
    },
    // Corporate actions
    Category {
        notices: &[step(10, &["UPDATED"])],
        status_field: "announcement_status",
        ..snapshot(CorporateActions, "CORPORATE_ACTION")
    },
];
