//! What an access token allows.

use std::fmt;

/// A scope of Upvest's API, as narrow as the calls of this client need it: Upvest asks for separate tokens to read
/// and to change (`POST /auth/token` in its API description).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read subscriptions and verification keys.
    WebhooksRead,
    /// Create, change, delete and test subscriptions.
    WebhooksAdmin,
    /// Read reports.
    ReportsRead,
    /// Ask for the location of files.
    FilesRead,
    /// Read users.
    UsersRead,
    /// Read the checks of users.
    ChecksRead,
    /// Read accounts and account groups.
    AccountsRead,
    /// Read orders and their executions.
    OrdersRead,
    /// Read direct debits and withdrawals.
    PaymentsRead,
    /// Read fee collections.
    FeesRead,
    /// Read instruments.
    InstrumentsRead,
    /// Read portfolio allocations and orders.
    PortfoliosRead,
    /// Read positions and cash balances.
    PositionsRead,
    /// Read the valuations of accounts.
    ValuationsRead,
    /// Read the returns of accounts.
    AccountReturnsRead,
    /// Read cash and security transactions.
    TransactionsRead,
    /// Read the liquidations of accounts.
    AccountLiquidationsRead,
}

impl Scope {
    /// All scopes that this client may ask for.
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

    /// Returns its name in a token request.
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
