//! The file that an event announces: what it is called at Upvest, and where it is kept.

use std::collections::HashMap;

use jiff::civil::Date;
use pipeline::actions::Change;
use serde::Deserialize;
use upvest::Event;
use upvest::time::Instant;
use upvest_api::ResourceId;

/// Names the event that announces the PDF of a user's report.
const REPORT: &str = "REPORT.CREATED";
/// Names the event that announces the file of a treasury report.
const TREASURY_REPORT: &str = "TREASURY_REPORT.CREATED";

/// Bounds a file name within a key, in bytes. S3 allows keys of 1024 bytes.
const MAX_NAME_BYTES: usize = 200;
/// Bounds a value of metadata, in characters. S3 allows 2 KB for all of them.
const MAX_VALUE_CHARS: usize = 256;

/// Describes a file that an event announces: where it comes from, where it goes, and what is noted beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) source: Source,
    /// Gives the key under which the file is kept in the bucket.
    pub(crate) key: String,
    /// Names the report's type, for example `BUY_ORDER`.
    kind: Option<String>,
    /// Gives the id of the report that it replaces.
    substitutes: Option<String>,
}

/// Says what the file is called at Upvest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The file is the PDF of the report with this id.
    Pdf(ResourceId),
    /// The file has this name, among those of settlement reports.
    File(String),
}

#[derive(Deserialize)]
struct Report {
    id: ResourceId,
    #[serde(rename = "type")]
    kind: Option<String>,
    substituted_report_id: Option<String>,
}

#[derive(Deserialize)]
struct TreasuryReport {
    id: ResourceId,
    #[serde(rename = "type")]
    kind: Option<String>,
    report_date: Option<String>,
    filename: String,
}

impl Document {
    /// Tells by the event's type whether it announces a file.
    pub(crate) fn is_announced_by(event: &Event<'_>) -> bool {
        matches!(event.event_type(), REPORT | TREASURY_REPORT)
    }

    /// Describes the file that the event announces, which is a treasury report's unless it is a user's. It is filed under
    /// the day of `at`, when the event occurred.
    pub(crate) fn announced_by(event: &Event<'_>, at: Instant) -> Result<Self, serde_json::Error> {
        let object = event.object().get();
        let at = at.to_string();
        let day = at.split_once('T').map_or(at.as_str(), |(day, _)| day);
        if event.event_type() == REPORT {
            let report: Report = serde_json::from_str(object)?;
            return Ok(Self {
                key: format!("reports/{}/{}.pdf", day.replace('-', "/"), report.id),
                source: Source::Pdf(report.id),
                kind: report.kind,
                substitutes: report.substituted_report_id,
            });
        }
        let report: TreasuryReport = serde_json::from_str(object)?;
        let date = report.report_date.and_then(|date| date.parse::<Date>().ok());
        let date = date.map_or_else(|| day.to_owned(), |date| date.to_string());
        let name = safe_name(&report.filename);
        Ok(Self {
            key: format!("treasury-reports/{date}/{}/{name}", report.id),
            source: Source::File(report.filename),
            kind: report.kind,
            substitutes: None,
        })
    }

    /// Makes what is noted beside the file: the way back to what announced it.
    pub(crate) fn metadata(&self, change: &Change<'_>, sha256: &str) -> HashMap<String, String> {
        let notes = [
            ("event-id", Some(change.event.id())),
            ("entity", Some(change.entity.as_str())),
            ("report-type", self.kind.as_deref()),
            ("delivery-id", change.delivery_id),
            ("substitutes", self.substitutes.as_deref()),
            ("sha256", Some(sha256)),
        ];
        notes
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), safe_value(value?))))
            .collect()
    }
}

/// Writes a file's name as the end of a key: nothing that a path could be made of, wherever the file is copied to.
fn safe_name(name: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut safe: String = name.chars().map(|c| if known(c) { c } else { '_' }).collect();
    // The end tells what kind of file it is.
    safe.drain(..safe.len().saturating_sub(MAX_NAME_BYTES));
    if safe.starts_with('.') || safe.is_empty() {
        safe.insert(0, '_');
    }
    safe
}

/// Writes a value as a header takes it: in printable ASCII, and cut off.
fn safe_value(value: &str) -> String {
    let value = value.chars().take(MAX_VALUE_CHARS);
    value
        .map(|c| if c.is_ascii_graphic() { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(event_type: &str, object: &str) -> Result<Document, serde_json::Error> {
        let event = format!(
            r#"{{"id":"e","created_at":"2026-01-31T23:59:59.5Z","type":"{event_type}","object":{object}}}"#
        );
        let event = Event::parse(&event).unwrap();
        Document::announced_by(&event, event.created_at().unwrap())
    }

    #[test]
    fn a_report_is_kept_under_the_day_of_its_event() {
        let report = announced(REPORT, r#"{"id":"r-1","type":"BUY_ORDER"}"#).unwrap();
        assert_eq!(report.key, "reports/2026/01/31/r-1.pdf");
        assert_eq!(report.source, Source::Pdf("r-1".parse().unwrap()));
    }

    #[test]
    fn a_treasury_report_is_kept_under_its_own_date_and_that_of_its_event_where_it_has_none() {
        let key = |date: &str| {
            let object = format!(r#"{{"id":"t","report_date":{date},"filename":"buy 1.csv"}}"#);
            announced(TREASURY_REPORT, &object).unwrap().key
        };
        assert_eq!(key(r#""2026-01-30""#), "treasury-reports/2026-01-30/t/buy_1.csv");
        for none in ["null", r#""../..""#, r#""soon""#] {
            assert_eq!(key(none), "treasury-reports/2026-01-31/t/buy_1.csv", "{none}");
        }
    }

    #[test]
    fn an_id_or_a_name_that_is_missing_or_hostile_is_told() {
        assert!(announced(REPORT, r#"{"id":"../r"}"#).is_err());
        assert!(announced(REPORT, r#"{"type":"BUY_ORDER"}"#).is_err());
        assert!(announced(TREASURY_REPORT, r#"{"id":"t"}"#).is_err());
    }

    #[test]
    fn no_name_can_leave_its_place_in_a_key() {
        for (name, safe) in [
            ("trading_buy_05082023.csv", "trading_buy_05082023.csv"),
            ("../../reports/x.pdf", "_.._.._reports_x.pdf"),
            ("..", "_.."),
            ("", "_"),
            (".htaccess", "_.htaccess"),
            ("a%2Fb\\c\0d\ne?f#g h", "a_2Fb_c_d_e_f_g_h"),
            ("Ertr\u{e4}ge\u{202e}.csv", "Ertr_ge_.csv"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
        let long = safe_name(&format!("{}.csv", "x".repeat(5000)));
        assert!(long.len() == MAX_NAME_BYTES && long.ends_with("x.csv"));
    }

    #[test]
    fn a_value_fits_into_a_header() {
        assert_eq!(safe_value("a\r\nb \u{e4}"), "a__b__");
        assert_eq!(safe_value(&"x".repeat(5000)).len(), MAX_VALUE_CHARS);
    }
}
