//! Whether a user, or a business, may invest.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Values;
use crate::occurred::Occurred;
use crate::projection::Projection;

/// `cleared`: the user is `ACTIVE`, there is at least one due-diligence check, and the newest check of each type
/// passed. An older check of the same type, failed or expired, does not count.
pub(super) fn derive(user: &Projection, values: &mut Values) {
    let mut newest: BTreeMap<String, (&Occurred, bool)> = BTreeMap::new();
    for check in user.parts.get("checks").into_iter().flat_map(BTreeMap::values) {
        let object: Value = serde_json::from_str(&check.object).unwrap_or_default();
        let check_type = object
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let passed = check.status.as_deref() == Some("PASSED");
        let entry = newest.entry(check_type).or_insert((&check.occurred, passed));
        if entry.0 < &check.occurred {
            *entry = (&check.occurred, passed);
        }
    }
    let checked = !newest.is_empty() && newest.values().all(|(_, passed)| *passed);
    values.flag("cleared", checked && user.status() == Some("ACTIVE"));
}

#[cfg(test)]
mod tests {
    use super::super::Derived;
    use crate::projection::tests::{event, fold};

    fn user(second: u8, status: &str) -> String {
        event(
            &format!("u{second}"),
            second,
            "USER.CREATED",
            &format!(r#"{{"id":"u1","status":"{status}"}}"#),
        )
    }

    fn check(id: &str, second: u8, check_type: &str, status: &str) -> String {
        let object = format!(r#"{{"id":"{id}","user_id":"u1","type":"{check_type}","status":"{status}"}}"#);
        event(&format!("c{id}{second}"), second, "USER_CHECK.CREATED", &object)
    }

    fn cleared(events: &[String]) -> bool {
        fold(events).derived("USER")["cleared"] == Derived::Flag(true)
    }

    #[test]
    fn a_user_is_cleared_once_active_and_with_all_checks_passed() {
        assert!(!cleared(&[user(1, "ACTIVE")]), "no check yet");
        assert!(!cleared(&[check("1", 1, "KYC", "PASSED")]), "user not known yet");
        assert!(cleared(&[check("1", 1, "KYC", "PASSED"), user(2, "ACTIVE")]));
        assert!(!cleared(&[check("1", 1, "KYC", "PASSED"), user(2, "INACTIVE")]));
        let pending = check("2", 3, "INSTRUMENT_FIT", "IN_PROGRESS");
        assert!(!cleared(&[
            check("1", 1, "KYC", "PASSED"),
            user(2, "ACTIVE"),
            pending
        ]));
    }

    #[test]
    fn only_the_newest_check_of_a_type_counts() {
        let repeated = [
            user(1, "ACTIVE"),
            check("1", 2, "KYC", "FAILED"),
            check("2", 3, "KYC", "PASSED"),
        ];
        assert!(cleared(&repeated));
        let failed_later = [
            user(1, "ACTIVE"),
            check("1", 2, "KYC", "PASSED"),
            check("2", 3, "KYC", "FAILED"),
        ];
        assert!(!cleared(&failed_later));
    }
}
