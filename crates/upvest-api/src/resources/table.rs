//! The rows: which call reads the objects of which category of events.
//!
//! To read another category, add a row to [`RESOURCES`].

use super::{Form, List, Listing, Resource};
use crate::scope::Scope;

/// Makes the row of a category that one list has all of, with a call for each object.
const fn all(category: &'static str, scope: Scope, path: &'static str, list: &'static str) -> Resource {
    Resource {
        path: Some(path),
        ..lines(category, scope, list)
    }
}

/// Makes the row of a category that one list has all of.
const fn lines(category: &'static str, scope: Scope, path: &'static str) -> Resource {
    let form = Form::Sorted;
    Resource {
        category,
        scope,
        listing: Listing::One(List { path, form }),
        path: None,
    }
}

/// Makes the row of a category of which each object of another category has a list.
const fn under(parent: &'static str, category: &'static str, scope: Scope, list: List) -> Resource {
    Resource {
        category,
        scope,
        listing: Listing::Each { parent, list },
        path: None,
    }
}

impl Resource {
    /// Adds the call that reads one object by its id.
    const fn each_at(self, path: &'static str) -> Self {
        Self {
            path: Some(path),
            ..self
        }
    }
}

impl Form {
    const fn list(self, path: &'static str) -> List {
        List { path, form: self }
    }
}

/// Lists what can be read: the calls of the description by which an object is found with nothing but its own id, or with the
/// ids of its account, account group or user, which are listed themselves.
pub static RESOURCES: &[Resource] = &[
    all("USER", Scope::UsersRead, "users/{}", "users"),
    under(
        "USER",
        "USER_CHECK",
        Scope::ChecksRead,
        Form::Whole.list("users/{}/checks"),
    ),
    all(
        "ACCOUNT_GROUP",
        Scope::AccountsRead,
        "account_groups/{}",
        "account_groups",
    ),
    all("ACCOUNT", Scope::AccountsRead, "accounts/{}", "accounts"),
    under(
        "ACCOUNT_GROUP",
        "DIRECT_DEBIT",
        Scope::PaymentsRead,
        Form::Sorted.list("account_groups/{}/payments/direct_debits"),
    )
    .each_at("payments/direct_debits/{}"),
    under(
        "ACCOUNT_GROUP",
        "WITHDRAWAL",
        Scope::PaymentsRead,
        Form::Sorted.list("account_groups/{}/payments/withdrawals"),
    )
    .each_at("payments/withdrawals/{}"),
    under(
        "ACCOUNT",
        "ORDER",
        Scope::OrdersRead,
        Form::Sorted.list("accounts/{}/orders"),
    )
    .each_at("orders/{}"),
    Resource {
        category: "EXECUTION",
        scope: Scope::OrdersRead,
        listing: Listing::Within {
            parent: "ORDER",
            member: "executions",
        },
        path: None,
    },
    under(
        "ACCOUNT",
        "POSITION",
        Scope::PositionsRead,
        Form::Unsorted.list("accounts/{}/positions"),
    ),
    under(
        "ACCOUNT_GROUP",
        "CASH_BALANCE",
        Scope::PositionsRead,
        Form::Single.list("account_groups/{}/payments/cash_balance"),
    ),
    under(
        "ACCOUNT",
        "ACCOUNT_VALUATION",
        Scope::ValuationsRead,
        Form::Heavy.list("accounts/{}/valuations"),
    ),
    under(
        "ACCOUNT",
        "ACCOUNT_RETURNS",
        Scope::AccountReturnsRead,
        Form::Sorted.list("accounts/{}/returns"),
    ),
    lines("CASH_TRANSACTION", Scope::TransactionsRead, "transactions/cash"),
    lines(
        "SECURITY_TRANSACTION",
        Scope::TransactionsRead,
        "transactions/securities",
    ),
    under(
        "USER",
        "REPORT",
        Scope::ReportsRead,
        Form::Sorted.list("users/{}/reports"),
    )
    .each_at("reports/{}"),
    under(
        "ACCOUNT",
        "FEE_COLLECTION",
        Scope::FeesRead,
        Form::OfAccount.list("fees/collections"),
    )
    .each_at("fees/collections/{}"),
    all(
        "INSTRUMENT",
        Scope::InstrumentsRead,
        "instruments/{}",
        "instruments",
    ),
    all(
        "PORTFOLIO_ALLOCATION",
        Scope::PortfoliosRead,
        "portfolios/allocations/{}",
        "portfolios/allocations",
    ),
    all(
        "PORTFOLIO_ORDER",
        Scope::PortfoliosRead,
        "portfolios/orders/{}",
        "portfolios/orders",
    ),
    under(
        "ACCOUNT",
        "ACCOUNT_LIQUIDATION",
        Scope::AccountLiquidationsRead,
        Form::Sorted.list("accounts/{}/liquidations"),
    ),
];

/// Says why objects of a category that has no [`Resource`] cannot be read.
#[must_use]
pub fn why_unreadable(category: &str) -> &'static str {
    match category {
        "INTRADAY_ACCOUNT_VALUATION" => "the API values accounts by end-of-day prices alone",
        "REBALANCING_EXECUTION_ORDER" => {
            "the API lists them for a rebalancing execution, and does not list those"
        }
        "VIRTUAL_CASH_INCREASE" | "VIRTUAL_CASH_DECREASE" => "the API makes them, and does not give them out",
        "TREASURY_REPORT" => "the API gives out reports of users alone",
        _ => "the API has no call for it",
    }
}
