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
}

impl Scope {
    /// All scopes that this client may ask for.
    pub const ALL: [Self; 4] = [
        Self::WebhooksRead,
        Self::WebhooksAdmin,
        Self::ReportsRead,
        Self::FilesRead,
    ];

    /// Returns its name in a token request.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksAdmin => "webhooks:admin",
            Self::ReportsRead => "reports:read",
            Self::FilesRead => "files:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
