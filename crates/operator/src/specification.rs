//! A specification of Upvest's API beside what this program knows of Upvest's events: what either has alone.
//!
//! Nothing is asked of a stack or of Upvest. A difference is no fault by itself: the known ones are explained in
//! docs/specification.md. What the specification has alone is what a new release of Upvest's may send.

mod comparison;
mod document;

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use document::Document;

/// Names what of Upvest's events is compared with the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The thing is a category of events, such as `ORDER`.
    Category,
    /// The thing is an event type of a category, such as `ORDER.FILLED`.
    EventType,
    /// The thing is the field of an object that says its status.
    StatusField,
    /// The thing is a value that the field of the status may have.
    Status,
    /// The thing is a field that tells entities of a category apart.
    Key,
    /// The thing is a field that names another entity.
    Reference,
    /// The thing is a type of those that a ledger line refers to.
    ReferenceType,
}

/// Names which of the two knows a thing that the other does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Upvest's specification has the thing, and the tables of this program have not.
    Specification,
    /// The tables of this program have the thing, and Upvest's specification has not.
    Table,
}

/// Tells one thing that one side knows alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Names the kind of thing that one side lacks.
    pub subject: Subject,
    /// Names the side that knows it.
    pub only_in: Side,
    /// Names the category that it is about; `None` where it is about objects of whatever category.
    pub category: Option<String>,
    /// Names the thing: a category, a type, a status, or the path of a field (`users[].id`).
    pub name: String,
}

/// Tells how a specification and this program's tables compare.
#[derive(Debug, Serialize)]
pub struct SpecificationReport {
    /// Gives the title that the specification has of itself.
    pub title: String,
    /// Gives the version that the specification has of itself.
    pub version: String,
    /// Counts the categories that the specification names.
    pub categories: usize,
    /// Counts the event types that the specification names.
    pub event_types: usize,
    /// Lists what one side knows alone, sorted.
    pub differences: Vec<Difference>,
}

impl SpecificationReport {
    /// Tells whether this program knows everything that the specification names.
    #[must_use]
    pub fn knows_all(&self) -> bool {
        !self
            .differences
            .iter()
            .any(|found| found.only_in == Side::Specification)
    }
}

/// Compares the specification in a file, YAML or JSON, with the tables.
///
/// # Errors
///
/// [`Error`] when the file cannot be read, or is no `OpenAPI` specification with webhooks.
pub fn check(path: &Path) -> Result<SpecificationReport> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(Error::context(format!("{shown} cannot be read")))?;
    compare(&text).map_err(Error::context(format!("{shown} cannot be compared")))
}

/// Compares the text of a specification with the tables.
///
/// # Errors
///
/// [`Error`] when it is no `OpenAPI` specification with webhooks.
pub fn compare(text: &str) -> Result<SpecificationReport> {
    let specification = Document::parse(text)?.specification()?;
    let differences = comparison::differences(&specification);
    Ok(SpecificationReport {
        categories: specification.categories().len(),
        event_types: specification.event_types().len(),
        title: specification.title,
        version: specification.version,
        differences: differences.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests;
