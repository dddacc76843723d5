//! The table of domains.

use std::fmt;
use std::str::FromStr;

/// Makes of each row a variant of [`Domain`], its name and what it is about.
macro_rules! domains {
    ($(#[doc = $about:literal] $variant:ident = $name:literal,)+) => {
        /// Names a group of categories that one processor handles.
        ///
        /// The name is also that of the processor's binary, in the configuration, and at the begin of the keys of the
        /// domain's action records.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Domain {
            $(#[doc = $about] $variant,)+
        }

        impl Domain {
            /// Lists every domain, the catch-all last: the one list that templates, dashboards and docs are made of.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Names the domain as everything outside of Rust does: `corporate-actions`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Says for people what the domain's categories are about.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about.trim_ascii(),)+
                }
            }
        }
    };
}

domains! {
    /// People and businesses, their checks and roles.
    Users = "users",
    /// Accounts, account groups and tax wrappers.
    Accounts = "accounts",
    /// Money in and out: top-ups, direct debits, withdrawals, virtual cash.
    Payments = "payments",
    /// Orders with their executions and cancellations.
    Orders = "orders",
    /// Positions, cash balances, valuations and returns.
    Holdings = "holdings",
    /// Transactions that were booked, of cash and of securities.
    Ledger = "ledger",
    /// Allocations, portfolio orders, savings plans and liquidations.
    Portfolios = "portfolios",
    /// Transfers of securities, accounts and tax wrappers.
    Transfers = "transfers",
    /// Fees, and what became of their collection.
    Fees = "fees",
    /// Exemption orders and collections of taxes.
    Taxes = "taxes",
    /// Reports for users and the treasury, with their files.
    Reports = "reports",
    /// Instruments that can be traded, or no longer.
    Instruments = "instruments",
    /// Corporate actions, like dividends and splits.
    CorporateActions = "corporate-actions",
    /// The catch-all: categories that this version does not know.
    Unrecognised = "unrecognised",
}

/// Says that a text names no domain, and which domains there are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such domain: {0:?}; the domains are: {names}", names = Domain::ALL.map(Domain::name).join(", "))]
pub struct UnknownDomainError(pub String);

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
