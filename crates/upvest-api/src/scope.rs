//! Names the scopes of access tokens that the calls of this client need.

use std::fmt;

/// Names a scope of Upvest's API, as narrow as the calls of this client need it: Upvest asks for separate tokens to read
/// and to change (`POST /auth/token` in its API description).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Reads subscriptions and the verification keys.
    WebhooksRead,
    /// Creates, changes, deletes and tests subscriptions.
    WebhooksAdmin,
    /// Reads the reports of users, as JSON and as PDF.
    ReportsRead,
    /// Asks for the location of files.
    FilesRead,
    /// Reads users; their checks have another scope.
    UsersRead,
    /// Reads the identity checks of users.
    ChecksRead,
    /// Reads accounts and the groups they belong to.
    AccountsRead,
    /// Reads orders together with their executions.
    OrdersRead,
    /// Reads direct debits and withdrawals; top-ups have no call.
    PaymentsRead,
    /// Reads the fees that were collected of accounts.
    FeesRead,
    /// Reads the instruments that can be traded.
    InstrumentsRead,
    /// Reads the allocations of portfolios and their orders.
    PortfoliosRead,
    /// Reads positions of accounts and cash balances of account groups.
    PositionsRead,
    /// Reads the valuations of accounts, by end-of-day prices.
    ValuationsRead,
    /// Reads the returns that accounts have made.
    AccountReturnsRead,
    /// Reads the ledger: transactions of cash and securities.
    TransactionsRead,
    /// Reads the liquidations that end accounts.
    AccountLiquidationsRead,
}

impl Scope {
    /// Lists all scopes that this client may ask for, in the order of their discriminants.
    pub const ALL: [Self; 17] = [
        Self::WebhooksRead,
        Self::WebhooksAdmin,
        Self::ReportsRead,
        Self::FilesRead,
        Self::UsersRead,
        Self::ChecksRead,
        Self::AccountsRead,
        Self::OrdersRead,
        Self::PaymentsRead,
        Self::FeesRead,
        Self::InstrumentsRead,
        Self::PortfoliosRead,
        Self::PositionsRead,
        Self::ValuationsRead,
        Self::AccountReturnsRead,
        Self::TransactionsRead,
        Self::AccountLiquidationsRead,
    ];

    /// Returns the scope's name as a token request has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksAdmin => "webhooks:admin",
            Self::ReportsRead => "reports:read",
            Self::FilesRead => "files:read",
            Self::UsersRead => "users:read",
            Self::ChecksRead => "checks:read",
            Self::AccountsRead => "accounts:read",
            Self::OrdersRead => "orders:read",
            Self::PaymentsRead => "payments:read",
            Self::FeesRead => "fees:read",
            Self::InstrumentsRead => "instruments:read",
            Self::PortfoliosRead => "portfolios:read",
            Self::PositionsRead => "positions:read",
            Self::ValuationsRead => "valuations:read",
            Self::AccountReturnsRead => "account_returns:read",
            Self::TransactionsRead => "transactions:read",
            Self::AccountLiquidationsRead => "account_liquidations:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
