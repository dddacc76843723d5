//! What to compare.

use jiff::SignedDuration;
use serde_json::{Value, json};
use upvest::{Domain, EntityKey};

/// Says what of the stack to compare with Upvest.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Names the domains of which every entity is compared.
    pub domains: Vec<Domain>,
    /// Names single entities that are compared, each with the parts that Upvest lists apart from it.
    pub entities: Vec<EntityKey>,
    /// Says how lately a thing must have changed at Upvest to be left alone: its events may be on their way.
    pub grace: SignedDuration,
}

impl Scope {
    /// Describes a repair of it for the audit table.
    pub(super) fn request(&self, key_id: &str, found: Value) -> Value {
        let domains: Vec<&str> = self.domains.iter().map(|domain| domain.name()).collect();
        let entities: Vec<&str> = self.entities.iter().map(EntityKey::as_str).collect();
        json!({ "domains": domains, "entities": entities, "key_id": key_id, "found": found })
    }
}
