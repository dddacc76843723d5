//! Reports of users.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::download::Download;
use crate::error::Error;
use crate::id::ResourceId;
use crate::request::PDF;
use crate::scope::Scope;

/// Describes a report (`GET /reports/{report_id}` of Upvest's API description). Members that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Gives the report's id, which [`Client::report_pdf`] takes.
    pub id: ResourceId,
    /// Tells when Upvest created the report, by its own clock.
    pub created_at: Timestamp,
    /// Gives the id of the user whom the report concerns.
    pub user_id: String,
    /// Names its type, such as `BUY_ORDER`; new ones appear.
    #[serde(rename = "type")]
    pub kind: String,
    /// Names the earlier report that this one replaces, such as after a correction.
    #[serde(default)]
    pub substituted_report_id: Option<ResourceId>,
    /// Holds what else it says, such as its account.
    #[serde(default)]
    pub data: Value,
}

impl Client {
    /// Fetches a report as JSON.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] tells a report that is not there.
    pub async fn report(&self, id: &ResourceId) -> Result<Report, Error> {
        let call = self.call("GET", &["reports", id.as_str()], Scope::ReportsRead);
        self.json(&call).await
    }

    /// Begins to fetch a report as PDF.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_not_found`] tells a report that is not there, the status 406 one that has no PDF.
    pub async fn report_pdf(&self, id: &ResourceId) -> Result<Download, Error> {
        let mut call = self.call("GET", &["reports", id.as_str()], Scope::ReportsRead);
        call.accept = PDF;
        let response = self.inner.open(&call).await?;
        Ok(Download::new(response, call.line()))
    }
}
