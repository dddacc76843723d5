//! Evaluates the policies of the template as IAM does: a deny that matches wins, then an allow that matches, and what nobody
//! allows is refused.
//!
//! It knows what the template's policies use, and fails on anything else: a policy that it cannot read proves nothing. The
//! rules are those of AWS's reference of policy elements: a condition holds when all its operators hold, an operator when it
//! holds for all its keys, and any one of a key's values is enough. Without the key in the request an operator does not hold,
//! but for negated ones, `...IfExists`, `ForAllValues:` and `Null`. With `ForAnyValue:` one value of the request is enough.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cloudformation::{one_or_more, text_of, when_true};

/// Says what somebody asks of AWS.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    action: &'static str,
    resource: String,
    context: BTreeMap<&'static str, Vec<String>>,
}

impl Request {
    /// Asks for an action on a resource, named as the template's policies name it: `${EventsTable.Arn}`.
    pub(crate) fn new(action: &'static str, resource: impl Into<String>) -> Self {
        Self {
            action,
            resource: resource.into(),
            context: [("aws:SecureTransport", vec!["true".to_owned()])].into(),
        }
    }

    /// Adds what the request tells of itself under a condition key.
    pub(crate) fn with(mut self, key: &'static str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.context.insert(key, values);
        self
    }
}

/// Tells whether a policy of these statements lets a request through.
pub(crate) fn allows(statements: &[&Value], request: &Request) -> bool {
    let matching = |effect: &str| {
        let mut of_effect = statements
            .iter()
            .filter(|statement| statement["Effect"] == effect);
        of_effect.any(|statement| is_about(statement, request))
    };
    !matching("Deny") && matching("Allow")
}

/// Tells whether a statement of a resource's own policy denies a request.
pub(crate) fn denies(statements: &[&Value], request: &Request) -> bool {
    let mut denials = statements
        .iter()
        .filter(|statement| statement["Effect"] == "Deny");
    denials.any(|statement| is_about(statement, request))
}

fn is_about(statement: &Value, request: &Request) -> bool {
    for member in statement.as_object().expect("a statement is a map").keys() {
        let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        assert!(known.contains(&member.as_str()), "{member} is not evaluated");
    }
    let any = |member: &str, asked: &str| {
        let mut patterns = one_or_more(&statement[member]).into_iter();
        patterns.any(|pattern| matches(&rendered(pattern), asked))
    };
    let condition = when_true(&statement["Condition"]);
    any("Action", request.action)
        && any("Resource", &request.resource)
        && condition
            .as_object()
            .into_iter()
            .flatten()
            .all(|(operator, keys)| holds(operator, keys, request))
}

fn holds(operator: &str, keys: &Value, request: &Request) -> bool {
    let keys = keys.as_object().expect("an operator has keys").iter();
    let mut held = keys.map(|(key, wanted)| {
        let wanted: Vec<String> = one_or_more(wanted).into_iter().map(rendered).collect();
        let own = request.context.get(key.as_str());
        let any = |value: &String, test: fn(&str, &str) -> bool| wanted.iter().any(|one| test(one, value));
        let equal: fn(&str, &str) -> bool = |wanted, value| wanted == value;
        match (operator, own) {
            ("Null", own) => wanted == [own.is_none().to_string()],
            ("ForAllValues:StringEquals", own) => own.into_iter().flatten().all(|value| any(value, equal)),
            ("ForAllValues:StringLike", own) => own.into_iter().flatten().all(|value| any(value, matches)),
            ("ForAnyValue:StringLike", own) => own.into_iter().flatten().any(|value| any(value, matches)),
            ("StringEqualsIfExists" | "ArnNotEquals", None) => true,
            ("StringEquals" | "StringLike" | "Bool", None) => false,
            ("StringEquals" | "StringEqualsIfExists" | "Bool", Some(own)) => {
                own.iter().all(|value| any(value, equal))
            }
            ("StringLike", Some(own)) => own.iter().all(|value| any(value, matches)),
            ("ArnNotEquals", Some(own)) => !own.iter().any(|value| any(value, matches)),
            _ => panic!("{operator} is not evaluated"),
        }
    });
    held.all(|held| held)
}

/// Writes a value of a policy as text, with references in the form that `Fn::Sub` has for them.
pub(super) fn rendered(value: &Value) -> String {
    let value = when_true(value);
    if let [Value::String(resource), Value::String(attribute)] = &one_or_more(&value["Fn::GetAtt"])
        .into_iter()
        .cloned()
        .collect::<Vec<_>>()[..]
    {
        return format!("${{{resource}.{attribute}}}");
    }
    // A list that is made of a parameter is named like one of its entries.
    for name in [&value["Ref"], &value["Fn::Split"][1]["Ref"]] {
        if let Some(name) = name.as_str() {
            return format!("${{{name}}}");
        }
    }
    one_or_more(&value["Fn::Sub"])[0]
        .as_str()
        .unwrap_or_else(|| text_of(value))
        .to_owned()
}

/// Tells whether a pattern with `*` for anything and `?` for one character matches, as in IAM.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, end) => end.is_none(),
        (Some('*'), next) => {
            matches(&pattern[1..], text)
                || next.is_some_and(|character| matches(pattern, &text[character.len_utf8()..]))
        }
        (Some('?'), Some(c)) => matches(&pattern[1..], &text[c.len_utf8()..]),
        (Some(p), Some(c)) => p == c && matches(&pattern[p.len_utf8()..], &text[c.len_utf8()..]),
        (Some(_), None) => false,
    }
}
