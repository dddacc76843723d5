//! One object as the stack has it, beside the same object at Upvest.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use upvest::category::Category;
use upvest::decimal::Decimal;

use super::object::status;

/// Says how an object of the stack differs from the one at Upvest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Upvest has the object, and we do not.
    Missing,
    /// Upvest has a newer version, by `updated_at`, or else by the rank of the status.
    Stale,
    /// Both have the same version, with other content.
    Diverged,
    /// We have the object, and Upvest does not.
    Extra,
}

impl fmt::Display for Kind {
    /// Writes the name that the JSON has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Compares an object as we have it with the one at Upvest: who is right, and the fields in which they differ. `None` when
/// there is nothing to repair: they say the same in all fields that both have, or ours is newer. `elsewhere` is a member
/// that is kept apart from the object.
pub(super) fn difference(
    category: &Category,
    ours: &Value,
    theirs: &Value,
    elsewhere: Option<&str>,
) -> Option<(Kind, Vec<String>)> {
    let mut fields = Vec::new();
    differences(ours, theirs, "", &mut fields);
    // `updated_at` tells below which one is newer; what lies elsewhere is compared as objects of its own.
    fields.retain(|field| {
        let member = field.split(['.', '[']).next();
        field != "updated_at" && (elsewhere.is_none() || member != elsewhere)
    });
    if fields.is_empty() {
        return None;
    }
    let kind = match (time(ours, "updated_at"), time(theirs, "updated_at")) {
        (Some(ours), Some(theirs)) if theirs > ours => Kind::Stale,
        (Some(ours), Some(theirs)) if theirs < ours => return None,
        (Some(_), Some(_)) => Kind::Diverged,
        _ => {
            let rank = |object: &Value| category.status_rank(status(category, object).unwrap_or_default());
            match (rank(ours), rank(theirs)) {
                (Some(ours), Some(theirs)) if theirs > ours => Kind::Stale,
                _ => Kind::Diverged,
            }
        }
    };
    Some((kind, fields))
}

/// Reads when an object last changed: `updated_at`, or else `created_at`.
pub(super) fn changed_at(object: &Value) -> Option<Timestamp> {
    time(object, "updated_at").or_else(|| time(object, "created_at"))
}

fn time(object: &Value, member: &str) -> Option<Timestamp> {
    object.get(member)?.as_str()?.parse().ok()
}

/// Collects the paths at which two values differ, in what both have.
fn differences(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, ours) in ours {
                // Upvest adds fields, and drops some, in minor versions: that is no difference.
                if let Some(theirs) = theirs.get(name) {
                    let dot = if path.is_empty() { "" } else { "." };
                    differences(ours, theirs, &format!("{path}{dot}{name}"), found);
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differences(ours, theirs, &format!("{path}[{index}]"), found);
            }
        }
        _ if is_same(ours, theirs) => {}
        _ => found.push(path.to_owned()),
    }
}

/// Tells whether two values mean the same: Upvest writes one time with fractions of any width, and one amount with any zeros. An
/// empty text stands for an absent value, as Upvest's specification has it of limit prices and references.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    let is_absent = |value: &Value| value.is_null() || value.as_str() == Some("");
    if ours == theirs || (is_absent(ours) && is_absent(theirs)) {
        return true;
    }
    let (Some(ours), Some(theirs)) = (ours.as_str(), theirs.as_str()) else {
        return false;
    };
    is_same_as::<Timestamp>(ours, theirs) || is_same_as::<Decimal>(ours, theirs)
}

/// Tells whether two texts write one value of a type.
fn is_same_as<T: FromStr + PartialEq>(ours: &str, theirs: &str) -> bool {
    matches!((ours.parse::<T>(), theirs.parse::<T>()), (Ok(ours), Ok(theirs)) if ours == theirs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order(ours: Value, theirs: Value) -> Option<(Kind, Vec<String>)> {
        let category = upvest::category::of("ORDER.NEW");
        difference(category, &ours, &theirs, Some("executions"))
    }

    #[test]
    fn the_newer_version_decides_who_is_right() {
        let at = |second: u8, status: &str| json!({"id": "o", "updated_at": format!("2026-01-05T09:30:{second:02}Z"), "status": status});
        let status = vec!["status".to_owned()];
        assert_eq!(
            order(at(1, "NEW"), at(2, "FILLED")),
            Some((Kind::Stale, status.clone()))
        );
        assert_eq!(
            order(at(1, "NEW"), at(1, "FILLED")),
            Some((Kind::Diverged, status))
        );
        assert_eq!(order(at(2, "FILLED"), at(1, "NEW")), None);
        assert_eq!(
            order(at(1, "NEW"), at(2, "NEW")),
            None,
            "a new time alone is no change"
        );
    }

    #[test]
    fn without_a_version_the_lifecycle_decides() {
        let with = |status: &str| json!({"id": "o", "status": status});
        let kind = |ours, theirs| order(with(ours), with(theirs)).map(|(kind, _)| kind);
        assert_eq!(kind("NEW", "FILLED"), Some(Kind::Stale));
        assert_eq!(kind("FILLED", "NEW"), Some(Kind::Diverged));
        assert_eq!(kind("FILLED", "NOVEL"), Some(Kind::Diverged));
        assert_eq!(kind("FILLED", "FILLED"), None);
    }

    #[test]
    fn only_what_both_have_is_compared_and_by_what_it_means() {
        let ours = json!({"a": "1.50", "t": "2026-01-05T09:30:00.00Z", "empty": "", "old": 1, "l": [{"x": "1"}],
                          "executions": [{"status": "FILLED"}]});
        let theirs = json!({"a": "1.5", "t": "2026-01-05T09:30:00Z", "empty": null, "new": 2, "l": [{"x": "1.0"}],
                            "executions": [{"status": "SETTLED"}]});
        assert_eq!(order(ours, theirs), None);
        let ours = json!({"l": [{"x": "1", "y": "a"}], "o": {"p": 1}, "m": [1]});
        let theirs = json!({"l": [{"x": "2", "y": "a"}], "o": {"p": 2}, "m": [1, 2]});
        let (kind, fields) = order(ours, theirs).unwrap();
        assert_eq!(
            (kind, fields.join(" ")),
            (Kind::Diverged, "l[0].x m o.p".to_owned())
        );
    }
}
