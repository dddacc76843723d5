//! Chooses the events that are shown: by type, category and entity.

use upvest::{EntityKey, Event};

/// Chooses events; without anything in it, all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Selects events by their types, like `ORDER.FILLED`, in any case.
    pub types: Vec<String>,
    /// Selects events by their categories, like `ORDER`, in any case.
    pub categories: Vec<String>,
    /// Selects events by their entities; the beginning of the id is
    /// enough.
    pub entities: Vec<EntityKey>,
}

impl Filter {
    /// Tells whether no event is asked for in particular.
    pub(super) fn is_empty(&self) -> bool {
        self.types.is_empty() && self.categories.is_empty() && self.entities.is_empty()
    }

    /// Tells whether an event is asked for.
    pub(super) fn passes(&self, event: &Event<'_>) -> bool {
        let among = |list: &[String], own: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted.eq_ignore_ascii_case(own))
        };
        let begins = |entity: &str| {
            self.entities
                .iter()
                .any(|wanted| entity.starts_with(wanted.as_str()))
        };
        among(&self.types, event.event_type())
            && among(&self.categories, event.category_name())
            && (self.entities.is_empty() || event.entity_key().is_ok_and(|entity| begins(entity.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_entity_is_enough() {
        let event = r#"{"id":"e1","type":"ORDER.NEW","object":{"id":"9fc8c651"}}"#;
        let event = Event::parse(event).unwrap();
        let passes = |entity: &str| {
            let entities = vec![EntityKey::from_stored(entity.to_owned())];
            let filter = Filter {
                entities,
                ..Filter::default()
            };
            filter.passes(&event)
        };
        assert!(passes("ORDER#9fc8") && passes("ORDER#9fc8c651"));
        assert!(!passes("ORDER#fc8") && !passes("USER#9fc8"));
    }
}
