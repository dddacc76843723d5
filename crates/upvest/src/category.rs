//! The two tables of what is known about Upvest's events: the domains, and the categories.
//!
//! To add a category, add a row to [`CATEGORIES`]; to add a domain, a row to [`Domain`], rows for its categories, and a
//! file with its actions. `make generate` writes what other files repeat of them. docs/adding-a-domain.md shows both.

mod domain;
mod lifecycle;
mod row;
mod steps;
mod table;

pub use domain::{Domain, UnknownDomainError};
pub use lifecycle::Rank;
pub use row::{Category, EARLIER, Role, Step};
pub use table::{CATEGORIES, UNRECOGNISED};

/// Names the category of synthetic events, and so the first part of their entities' keys. Upvest's categories are
/// upper-case letters, digits and underscores, so that none of them, known or to come, is this one.
pub const SYNTHETIC: &str = "synthetic";

/// Names the state in the type of an event by which an operator tells what Upvest's API says of an object, and no event
/// did ([`Event::reconciliation`](crate::Event::reconciliation)). Every category knows it.
pub const RECONCILED: &str = "RECONCILED";

/// Reads the category off an event type: its text before the first full stop.
#[must_use]
pub fn name_of(event_type: &str) -> &str {
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
///
/// ```
/// use upvest::category::{Domain, UNRECOGNISED, of};
///
/// assert_eq!(of("ORDER.FILLED").domain, Domain::Orders);
/// assert_eq!(of("ORDER.FILLED").entity, "ORDER");
/// // What Upvest adds tomorrow is kept by the catch-all.
/// assert_eq!(of("SPACESHIP.LAUNCHED").domain, UNRECOGNISED.domain);
/// ```
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
    fn all_rows_of_an_entity_are_of_one_domain() {
        for row in CATEGORIES {
            let mut of_entity = CATEGORIES.iter().filter(|other| other.entity == row.entity);
            assert!(of_entity.all(|other| other.domain == row.domain), "{}", row.name);
        }
    }

    #[test]
    fn a_type_with_a_row_of_its_own_differs_from_its_category() {
        assert_eq!(of("USER.CREATED").key, ["id"]);
        assert_eq!(of("USER.DATA_CHANGE_FAILED").key, ["user_id"]);
        assert_eq!(of("BUSINESS.DATA_CHANGE_FAILED").key, ["business_id"]);
        for state in ["CREATION_FAILED", "UPDATE_FAILED", "DELETION_FAILED"] {
            let row = of(&format!("TAX_EXEMPTION.{state}"));
            assert!(
                row.knows_state(state) && matches!(row.role, Role::Part { .. }),
                "{state}"
            );
        }
    }

    #[test]
    fn an_unknown_category_is_unrecognised_and_an_unknown_state_is_not() {
        assert_eq!(of("ORDER.TELEPORTED").domain, Domain::Orders);
        assert!(!of("ORDER.TELEPORTED").knows_state("TELEPORTED"));
        for name in ["PING", "", ".", "order.NEW", "ORDERS.NEW"] {
            assert_eq!(of(name).domain, Domain::Unrecognised, "{name}");
        }
    }

    /// Rows may be added; what Upvest is known to send has to stay.
    #[test]
    fn the_table_has_every_category_that_upvest_documents() {
        let documented = include_str!("../../../events/documented-categories.txt");
        let table: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.name).collect();
        let missing: Vec<&str> = documented.lines().filter(|name| !table.contains(name)).collect();
        assert_eq!(missing, [""; 0]);
    }
}
