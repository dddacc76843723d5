//! The one table of what is known about Upvest's event categories.
//!
//! To add a category, add a row to [`CATEGORIES`]. To add a domain, add a variant to [`Domain`], its rows, a function
//! crate and its name in `template.yaml`.

use std::fmt;
use std::str::FromStr;

mod table;

pub use table::{CATEGORIES, UNRECOGNISED};

/// A group of categories that one processor handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// People and businesses, their checks and roles.
    Users,
    /// Accounts, account groups and tax wrappers.
    Accounts,
    /// Money in and out.
    Payments,
    /// Orders with their executions and cancellations.
    Orders,
    /// Positions, cash balances, valuations and returns.
    Holdings,
    /// Cash and security transactions.
    Ledger,
    /// Allocations, portfolio orders, savings plans and liquidations.
    Portfolios,
    /// Transfers of securities, accounts and tax wrappers.
    Transfers,
    /// Fee collections.
    Fees,
    /// Tax exemptions and collections.
    Taxes,
    /// Reports and their files.
    Reports,
    /// Tradable instruments.
    Instruments,
    /// Corporate actions.
    CorporateActions,
    /// The catch-all: categories that this version does not know.
    Unrecognised,
}

/// Says that a text names no domain, and which domains there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such domain: {0:?}; the domains are: {names}", names = Domain::ALL.map(Domain::name).join(", "))]
pub struct UnknownDomainError(pub String);

impl Domain {
    /// Lists every domain, the catch-all last: the one list that templates, dashboards and docs are made of.
    pub const ALL: [Self; 14] = [
        Self::Users,
        Self::Accounts,
        Self::Payments,
        Self::Orders,
        Self::Holdings,
        Self::Ledger,
        Self::Portfolios,
        Self::Transfers,
        Self::Fees,
        Self::Taxes,
        Self::Reports,
        Self::Instruments,
        Self::CorporateActions,
        Self::Unrecognised,
    ];

    /// Names the domain as its processor's binary and the configuration do.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Accounts => "accounts",
            Self::Payments => "payments",
            Self::Orders => "orders",
            Self::Holdings => "holdings",
            Self::Ledger => "ledger",
            Self::Portfolios => "portfolios",
            Self::Transfers => "transfers",
            Self::Fees => "fees",
            Self::Taxes => "taxes",
            Self::Reports => "reports",
            Self::Instruments => "instruments",
            Self::CorporateActions => "corporate-actions",
            Self::Unrecognised => "unrecognised",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Domain {
    type Err = UnknownDomainError;

    fn from_str(name: &str) -> Result<Self, UnknownDomainError> {
        Self::ALL
            .into_iter()
            .find(|domain| domain.name() == name)
            .ok_or_else(|| UnknownDomainError(name.to_owned()))
    }
}

/// The map of a ledger line that holds the versions which a newer one replaced.
pub const EARLIER: &str = "earlier";

/// What an event of a category does to its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its object is the entity's latest snapshot.
    Snapshot,
    /// Its object is a line that is written once. Should Upvest correct it, the newest version is the entity's object, and
    /// the earlier ones stay in the map [`EARLIER`], under their event ids.
    Line,
    /// Its object is one part of the entity, kept beside the snapshot in the map of this name, under the id in
    /// `id_field` (a path into the object), or under the event id where there is none.
    Part {
        /// The attribute that holds the map, for example `executions`.
        map: &'static str,
        /// The path of the part's id in the object.
        id_field: Option<&'static str>,
    },
}

/// A row of the table: how events of one category, or of one single event type, are handled.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// The category, or a full event type where one type differs from the rest of its category.
    pub name: &'static str,
    /// Whose processor gets the events.
    pub domain: Domain,
    /// The first part of the entity key. Usually the category; an execution belongs to its order.
    pub entity: &'static str,
    /// Paths into `object` of the fields that make up the rest of the entity key.
    pub key: &'static [&'static str],
    /// What an event does to the entity.
    pub role: Role,
    /// The states that event types name, in the order of the lifecycle; those of one step exclude each other.
    pub lifecycle: &'static [&'static [&'static str]],
    /// States in event types that are no step of the lifecycle: they repeat, or only tell that something changed.
    pub notices: &'static [&'static str],
    /// The values of `object.status` in the order of the lifecycle, where they differ from the event types' states.
    pub statuses: &'static [&'static [&'static str]],
}

impl Category {
    /// Names the map in which the entity keeps what events of this category bring beside the newest object.
    #[must_use]
    pub const fn map(&self) -> Option<&'static str> {
        match self.role {
            Role::Snapshot => None,
            Role::Line => Some(EARLIER),
            Role::Part { map, .. } => Some(map),
        }
    }

    /// Ranks a status by how far it is along the lifecycle; `None` for one that the table does not know.
    #[must_use]
    pub fn rank(&self, status: &str) -> Option<usize> {
        let steps = if self.statuses.is_empty() {
            self.lifecycle
        } else {
            self.statuses
        };
        steps.iter().position(|step| step.contains(&status))
    }

    /// Tells whether the table knows the state that an event type names, be it a step of the lifecycle or a notice.
    #[must_use]
    pub fn knows_state(&self, state: &str) -> bool {
        self.notices.contains(&state) || self.lifecycle.iter().any(|step| step.contains(&state))
    }

    /// Tells whether the row stands for a whole category rather than a single event type.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.name.contains('.')
    }
}

/// The category of synthetic events, and so the first part of their entities' keys. Upvest's categories are upper-case
/// letters, digits and underscores, so that none of them, known or to come, is this one.
pub const SYNTHETIC: &str = "synthetic";

/// Reads the category off an event type: its text before the first full stop.
pub(crate) fn name_of(event_type: &str) -> &str {
    event_type
        .split_once('.')
        .map_or(event_type, |(category, _)| category)
}

/// Tells whether events of this type are synthetic: those that the receiver sends to itself ([`crate::synthetic`]).
#[must_use]
pub fn is_synthetic(event_type: &str) -> bool {
    name_of(event_type) == SYNTHETIC
}

/// Finds the row for an event type: its own if it has one, else its category's, else [`UNRECOGNISED`].
#[must_use]
pub fn of(event_type: &str) -> &'static Category {
    let row = |name: &str| CATEGORIES.iter().find(|row| row.name == name);
    row(event_type)
        .or_else(|| row(name_of(event_type)))
        .unwrap_or(&UNRECOGNISED)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_the_only_one_of_its_name() {
        let names: BTreeSet<_> = CATEGORIES.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), CATEGORIES.len());
    }

    #[test]
    fn every_domain_but_the_catch_all_has_a_category_and_its_name_is_its_own() {
        for domain in Domain::ALL {
            assert_eq!(domain.name().parse(), Ok(domain));
            let has_row = CATEGORIES.iter().any(|row| row.domain == domain);
            assert_eq!(has_row, domain != Domain::Unrecognised, "{domain}");
        }
        assert!(
            "order"
                .parse::<Domain>()
                .unwrap_err()
                .to_string()
                .contains("orders")
        );
    }

    #[test]
    fn a_type_with_a_row_of_its_own_differs_from_its_category() {
        assert_eq!(of("USER.CREATED").key, ["id"]);
        assert_eq!(of("USER.DATA_CHANGE_FAILED").key, ["user_id"]);
    }

    #[test]
    fn an_unknown_category_is_unrecognised_and_an_unknown_state_is_not() {
        assert_eq!(of("ORDER.TELEPORTED").domain, Domain::Orders);
        assert!(!of("ORDER.TELEPORTED").knows_state("TELEPORTED"));
        for name in ["PING", "", ".", "order.NEW", "ORDERS.NEW"] {
            assert_eq!(of(name).domain, Domain::Unrecognised, "{name}");
        }
    }

    #[test]
    fn a_status_has_the_rank_of_its_step() {
        let order = of("ORDER.NEW");
        assert!(order.rank("NEW") < order.rank("PROCESSING"));
        assert_eq!(order.rank("FILLED"), order.rank("CANCELLED"));
        assert_eq!(order.rank("TELEPORTED"), None);
        assert_eq!(
            of("ACCOUNT.CREATED").rank("CREATED"),
            None,
            "ranks are of object.status, not of types"
        );
    }

    /// The subscription categories of the newest known specification (contract section 5), and the two that are
    /// documented without one.
    #[test]
    fn the_table_has_every_category_of_the_contract() {
        let known = "BUSINESS ROLE USER USER_CHECK ORDER ORDER_CANCELLATION EXECUTION POSITION CASH_BALANCE ACCOUNT \
            ACCOUNT_GROUP INSTRUMENT REPORT TREASURY_REPORT DIRECT_DEBIT WITHDRAWAL PORTFOLIO PORTFOLIO_ALLOCATION \
            PORTFOLIO_ORDER CORPORATE_ACTION ACCOUNT_VALUATION INTRADAY_ACCOUNT_VALUATION CASH_TRANSACTION \
            SECURITY_TRANSACTION ACCOUNT_LIQUIDATION ACCOUNT_RETURNS VIRTUAL_CASH_INCREASE VIRTUAL_CASH_DECREASE \
            FEE_COLLECTION SAVINGS_PLAN SAVINGS_PLAN_EXECUTION REBALANCING_EXECUTION_ORDER TAX_EXEMPTION \
            TAX_COLLECTION ISA_WRAPPER ISA_WRAPPER_ALLOWANCE CREDIT_FUNDING VIRTUAL_BANK_ACCOUNT \
            SECURITIES_TRANSFER ACCOUNT_TRANSFER TOPUP ISA_TRANSFER BUSINESS_CHECK";
        let known: BTreeSet<&str> = known.split_whitespace().collect();
        let table: BTreeSet<&str> = CATEGORIES
            .iter()
            .filter(|row| row.is_whole())
            .map(|row| row.name)
            .collect();
        assert_eq!(table, known);
    }
}
