//! Finds the other entities that an object names, by the fields in which Upvest refers to them.

use std::collections::BTreeSet;

use crate::category;
use crate::entity_key::EntityKey;
use crate::json::{self, Object};

/// Bounds the keys that are given for one entity: the least ones, so that an item stays small and always has the same.
const MAX_RELATED: usize = 32;

/// Lists the fields in which objects of whatever category name another entity, and that entity's type.
const REFERENCES: [(&str, &str); 18] = [
    ("user_id", "USER"),
    ("business_id", "BUSINESS"),
    ("account_id", "ACCOUNT"),
    ("account_group_id", "ACCOUNT_GROUP"),
    ("order_id", "ORDER"),
    ("instrument.uuid", "INSTRUMENT"),
    ("instrument_id", "INSTRUMENT"),
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
    ("virtual_bank_account_id", "VIRTUAL_BANK_ACCOUNT"),
];

/// Names the lists in which objects name other entities by `id`, and those entities' type.
const LISTS: [(&str, &str); 2] = [("users", "USER"), ("orders", "ORDER")];

/// Lists the types in `references` of a ledger line that are entities of their own, as far as Upvest's pages name them.
pub const REFERENCE_TYPES: [&str; 9] = [
    "ORDER",
    "WITHDRAWAL",
    "DIRECT_DEBIT",
    "TOPUP",
    "FEE_COLLECTION",
    "CORPORATE_ACTION",
    "VIRTUAL_CASH_INCREASE",
    "VIRTUAL_CASH_DECREASE",
    "TREASURY_PAYMENT",
];

/// Lists the fields of objects in which other entities are looked for, as paths into the objects' schema: `order_id`,
/// `users[].id`.
#[must_use]
pub fn reference_paths() -> Vec<String> {
    let single = REFERENCES.iter().map(|(path, _)| (*path).to_owned());
    let listed = LISTS.iter().map(|(path, _)| format!("{path}[].id"));
    let others = ["user_ids[]", "references[].id", "entity_id"].map(str::to_owned);
    single.chain(listed).chain(others).collect()
}

/// Finds the other entities that an object names: the plan of a savings plan execution, the account transfer of a
/// securities transfer, the report that a report replaces, the payment of a ledger line ...
///
/// `own` is the entity's own key, which is left out. At most 32 are given.
pub(super) fn of_object(object: &Object<'_>, own: &EntityKey) -> BTreeSet<EntityKey> {
    let single = REFERENCES
        .iter()
        .filter_map(|(path, entity)| EntityKey::of_reference(entity, object.at(path)?));
    let listed = LISTS.iter().flat_map(|(path, entity)| {
        objects(object, path).filter_map(|item| EntityKey::of_reference(entity, item.member("id")?))
    });
    let users = object.items("user_ids").into_iter();
    let users = users.filter_map(|id| EntityKey::of_reference("USER", id));
    let lines = objects(object, "references").filter_map(|reference| {
        let named = reference.text("type")?;
        let entity = REFERENCE_TYPES.iter().find(|entity| **entity == named)?;
        EntityKey::of_reference(entity, reference.member("id")?)
    });
    let all = single
        .chain(listed)
        .chain(users)
        .chain(lines)
        .chain(entity_of_role(object));
    let all: BTreeSet<EntityKey> = all.filter(|key| key != own).collect();
    all.into_iter().take(MAX_RELATED).collect()
}

/// Reads the entity that a role is held in: its type and its id are fields of their own.
fn entity_of_role(object: &Object<'_>) -> Option<EntityKey> {
    let entity_type = object.text("entity_type")?;
    // Only a type of the table: Upvest names these members for requests, and no event of a role was seen yet.
    let known = category::CATEGORIES.iter().find(|row| row.name == entity_type)?;
    EntityKey::of_reference(known.name, object.at("entity_id")?)
}

fn objects<'o>(object: &Object<'o>, path: &str) -> impl Iterator<Item = Object<'o>> + use<'o> {
    let items = object.items(path).into_iter();
    items.filter_map(|item| json::Object::parse(item.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(own: &str, object: &str) -> Vec<String> {
        let own = EntityKey::from_stored(own.to_owned());
        let related = of_object(&Object::parse(object).unwrap(), &own);
        related.iter().map(EntityKey::to_string).collect()
    }

    #[test]
    fn every_path_that_is_listed_is_followed() {
        for path in reference_paths() {
            let object =
                path.rsplit('.')
                    .fold("\"x\"".to_owned(), |value, name| match name.strip_suffix("[]") {
                        Some(name) => {
                            format!(r#"{{"{name}":[{value}],"type":"ORDER","entity_type":"ORDER"}}"#)
                        }
                        None => format!(r#"{{"{name}":{value},"type":"ORDER","entity_type":"ORDER"}}"#),
                    });
            assert_eq!(related("REPORT#r", &object).len(), 1, "{path}: {object}");
        }
    }

    #[test]
    fn an_execution_names_its_plan_and_a_transfer_of_securities_the_transfer_of_the_account() {
        let object = r#"{"id":"x","savings_plan_id":"p","account_id":"a"}"#;
        assert_eq!(
            related("SAVINGS_PLAN_EXECUTION#x", object),
            ["ACCOUNT#a", "SAVINGS_PLAN#p"]
        );
        let object = r#"{"id":"t","account_transfer_id":"at"}"#;
        assert_eq!(related("SECURITIES_TRANSFER#t", object), ["ACCOUNT_TRANSFER#at"]);
    }

    #[test]
    fn a_replacement_names_the_report_that_it_replaces_and_a_first_report_none() {
        let of = |replaced: &str| {
            let object = format!(r#"{{"id":"r2","substituted_report_id":{replaced}}}"#);
            related("REPORT#r2", &object)
        };
        assert_eq!(of("\"r1\""), ["REPORT#r1"]);
        assert!(of("null").is_empty());
    }

    #[test]
    fn a_ledger_line_names_the_payment_that_it_takes_back() {
        let object = r#"{"id":"l","account_group_id":"g","references":[{"id":"d","type":"DIRECT_DEBIT"},
            {"id":"i","type":"VIRTUAL_CASH_INCREASE"},{"id":"v","type":"VIRTUAL_CASH_DECREASE"},
            {"id":"t","type":"TREASURY_PAYMENT"},
            {"id":"x","type":"ORDER_EXECUTION"},{"id":"not a key","type":"TOPUP"},{"type":"ORDER"},7]}"#;
        assert_eq!(
            related("CASH_TRANSACTION#l", object),
            [
                "ACCOUNT_GROUP#g",
                "DIRECT_DEBIT#d",
                "TREASURY_PAYMENT#t",
                "VIRTUAL_CASH_DECREASE#v",
                "VIRTUAL_CASH_INCREASE#i"
            ]
        );
    }

    #[test]
    fn an_order_its_instrument_a_funding_its_bank_account_an_exemption_its_users_a_role_its_entity() {
        let order = r#"{"id":"o","instrument_id":"US0378331005","instrument_id_type":"ISIN"}"#;
        assert_eq!(related("ORDER#o", order), ["INSTRUMENT#US0378331005"]);
        let funding = r#"{"id":"c","virtual_bank_account_id":"b"}"#;
        assert_eq!(related("CREDIT_FUNDING#c", funding), ["VIRTUAL_BANK_ACCOUNT#b"]);
        let exemption = r#"{"id":"t","user_ids":["u2","u1",{"id":"u3"}]}"#;
        assert_eq!(related("TAX_EXEMPTION#t", exemption), ["USER#u1", "USER#u2"]);
        let role =
            |entity: &str| format!(r#"{{"id":"r","user_id":"u","entity_type":"{entity}","entity_id":"b"}}"#);
        assert_eq!(related("ROLE#r", &role("BUSINESS")), ["BUSINESS#b", "USER#u"]);
        assert_eq!(related("ROLE#r", &role("SHIP")), ["USER#u"]);
    }

    #[test]
    fn an_account_names_its_users_but_not_itself_and_the_least_keys_up_to_the_bound() {
        let users: Vec<String> = (0..100)
            .rev()
            .map(|number| format!(r#"{{"id":"u{number:02}"}}"#))
            .collect();
        let object = format!(r#"{{"id":"a","account_id":"a","users":[{}]}}"#, users.join(","));
        let related = related("ACCOUNT#a", &object);
        assert_eq!(related.len(), MAX_RELATED);
        assert_eq!(
            (related[0].as_str(), related[31].as_str()),
            ("USER#u00", "USER#u31")
        );
    }
}
