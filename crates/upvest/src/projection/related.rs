//! Which other entities an entity is connected with.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Projection;
use crate::entity_key::{EntityKey, at_path};

/// The most keys that are given for one entity.
const MAX_RELATED: usize = 32;

/// The fields in which objects of whatever category name another entity, and that entity's type.
const REFERENCES: [(&str, &str); 16] = [
    ("user_id", "USER"),
    ("business_id", "BUSINESS"),
    ("account_id", "ACCOUNT"),
    ("account_group_id", "ACCOUNT_GROUP"),
    ("order_id", "ORDER"),
    ("instrument.uuid", "INSTRUMENT"),
    ("savings_plan_id", "SAVINGS_PLAN"),
    ("account_transfer_id", "ACCOUNT_TRANSFER"),
    ("allocation_id", "PORTFOLIO_ALLOCATION"),
    ("portfolio_order_id", "PORTFOLIO_ORDER"),
    ("isa_wrapper_id", "ISA_WRAPPER"),
    ("tax_wrapper_id", "ISA_WRAPPER"),
    ("fee_collection_id", "FEE_COLLECTION"),
    ("tax_collection_id", "TAX_COLLECTION"),
    ("substituted_report_id", "REPORT"),
    ("corporate_action_id", "CORPORATE_ACTION"),
];

/// The lists in which objects name other entities by `id`, and those entities' type.
const LISTS: [(&str, &str); 2] = [("users", "USER"), ("orders", "ORDER")];

/// The types in `references` of a ledger line that are entities of their own, by Upvest's specification.
const LINE_REFERENCES: [&str; 6] = [
    "ORDER",
    "WITHDRAWAL",
    "DIRECT_DEBIT",
    "TOPUP",
    "FEE_COLLECTION",
    "CORPORATE_ACTION",
];

impl Projection {
    /// The other entities that this one's newest object names: the plan of a savings plan execution, the account
    /// transfer of a securities transfer, the report that a report replaces, the payment of a ledger line ...
    ///
    /// `own` is the entity's own key, which is left out. At most 32 are given.
    #[must_use]
    pub fn related(&self, own: &EntityKey) -> BTreeSet<EntityKey> {
        let object = self.object();
        let single = REFERENCES
            .iter()
            .filter_map(|(path, entity)| EntityKey::of_reference(entity, at_path(&object, path)?));
        let listed = LISTS.iter().flat_map(|(path, entity)| {
            let list = items(&object, path);
            list.filter_map(move |item| EntityKey::of_reference(entity, item.get("id")?))
        });
        let lines = items(&object, "references").filter_map(|reference| {
            let named = reference.get("type")?.as_str()?;
            let entity = LINE_REFERENCES.iter().find(|entity| **entity == named)?;
            EntityKey::of_reference(entity, reference.get("id")?)
        });
        let all = single.chain(listed).chain(lines).filter(|key| key != own);
        all.take(MAX_RELATED).collect()
    }
}

fn items<'v>(object: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    let list = at_path(object, path).and_then(Value::as_array);
    list.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event, fold};
    use super::*;

    fn related(own: &str, event_type: &str, object: &str) -> Vec<String> {
        let state = fold(&[event("e1", 1, event_type, object)]);
        let related = state.related(&EntityKey::from_stored(own.to_owned()));
        related.iter().map(EntityKey::to_string).collect()
    }

    #[test]
    fn an_execution_names_its_plan_and_a_transfer_of_securities_the_transfer_of_the_account() {
        let object = r#"{"id":"x","savings_plan_id":"p","account_id":"a"}"#;
        assert_eq!(
            related("SAVINGS_PLAN_EXECUTION#x", "SAVINGS_PLAN_EXECUTION.NEW", object),
            ["ACCOUNT#a", "SAVINGS_PLAN#p"]
        );
        let object = r#"{"id":"t","account_transfer_id":"at"}"#;
        assert_eq!(
            related("SECURITIES_TRANSFER#t", "SECURITIES_TRANSFER.NEW", object),
            ["ACCOUNT_TRANSFER#at"]
        );
    }

    #[test]
    fn a_replacement_names_the_report_that_it_replaces_and_a_first_report_none() {
        let of = |replaced: &str| {
            let object = format!(r#"{{"id":"r2","substituted_report_id":{replaced}}}"#);
            related("REPORT#r2", "REPORT.CREATED", &object)
        };
        assert_eq!(of("\"r1\""), ["REPORT#r1"]);
        assert!(of("null").is_empty());
    }

    #[test]
    fn a_ledger_line_names_the_payment_that_it_takes_back() {
        let object = r#"{"id":"l","account_group_id":"g","references":[{"id":"d","type":"DIRECT_DEBIT"},
            {"id":"x","type":"ORDER_EXECUTION"},{"id":"not a key","type":"TOPUP"},{"type":"ORDER"},7]}"#;
        assert_eq!(
            related("CASH_TRANSACTION#l", "CASH_TRANSACTION.EXECUTED", object),
            ["ACCOUNT_GROUP#g", "DIRECT_DEBIT#d"]
        );
    }

    #[test]
    fn an_account_names_its_users_but_not_itself_and_no_more_than_the_bound() {
        let users: Vec<String> = (0..100)
            .map(|number| format!(r#"{{"id":"u{number}"}}"#))
            .collect();
        let object = format!(r#"{{"id":"a","account_id":"a","users":[{}]}}"#, users.join(","));
        let related = related("ACCOUNT#a", "ACCOUNT.CREATED", &object);
        assert_eq!(related.len(), MAX_RELATED);
        assert!(related.iter().all(|key| key.starts_with("USER#")));
    }
}
