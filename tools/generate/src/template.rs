//! What `template.yaml` repeats: the domains' names in CloudFormation and elsewhere, and the rows that IAM lets each
//! processor write.

use crate::addresses;
use crate::category::{CATEGORIES, Domain};

/// Makes the regions of `template.yaml` by name, with their lines.
pub(crate) fn regions() -> Vec<(&'static str, Vec<String>)> {
    let join = |entry: fn(&str, Domain) -> String| {
        Domain::ALL
            .into_iter()
            .enumerate()
            .map(|(index, domain)| {
                let item = entry(&logical_name(domain), domain);
                // The list is itself the second argument of a Join.
                format!("{} - {item}", if index == 0 { "-" } else { " " })
            })
            .collect()
    };
    vec![
        ("from-upvest", from_upvest()),
        ("known-entities", of_known_domains(aggregate_keys)),
        ("known-detail-types", of_known_domains(detail_types)),
        ("domain-mappings", mappings()),
        (
            "domain-loop",
            vec![format!("- [{}]", Domain::ALL.map(logical_name).join(", "))],
        ),
        (
            "domain-queues",
            join(|logical, domain| format!("!Sub {domain}=${{{logical}Queue}}")),
        ),
        (
            "domain-dead-letter-alarms",
            join(|logical, _| format!("!Sub ALARM(\"${{{logical}DeadLetterAlarm}}\")")),
        ),
        (
            "domain-queue-names",
            join(|logical, _| format!("!GetAtt {logical}Queue.QueueName")),
        ),
        (
            "domain-dead-letter-queue-names",
            join(|logical, _| format!("!GetAtt {logical}DeadLetterQueue.QueueName")),
        ),
        (
            "domain-function-names",
            join(|logical, _| format!("!Ref {logical}Function")),
        ),
    ]
}

/// Lists what every domain has but the catch-all.
fn of_known_domains(entries: fn(Domain) -> Vec<String>) -> Vec<String> {
    let known = Domain::ALL
        .into_iter()
        .filter(|domain| *domain != Domain::Unrecognised);
    known
        .flat_map(entries)
        .map(|entry| format!("- \"{}\"", entry.trim_matches('"')))
        .collect()
}

/// Makes the terms by which a metric filter knows that a request came from one of the addresses that Upvest publishes.
fn from_upvest() -> Vec<String> {
    let terms = addresses::published().enumerate();
    // The list is itself the second argument of a Join.
    terms
        .map(|(index, address)| {
            let dash = if index == 0 { "-" } else { " " };
            format!("{dash} - '($.sourceIp = \"{address}\")'")
        })
        .collect()
}

/// Names the domain as logical ids of CloudFormation do, which have no hyphens: `CorporateActions`.
fn logical_name(domain: Domain) -> String {
    domain
        .name()
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        })
        .collect()
}

fn mappings() -> Vec<String> {
    Domain::ALL
        .into_iter()
        .flat_map(|domain| {
            // An index into what the loop over the domains offers: nothing, or the places of files.
            let retrieves = u8::from(domain == Domain::Reports);
            let keys: Vec<String> = aggregate_keys(domain)
                .iter()
                .map(|key| format!("\"{key}\""))
                .collect();
            [
                format!("{}:", logical_name(domain)),
                format!("  Name: {domain}"),
                format!("  Retrieves: \"{retrieves}\""),
                format!("  AggregateKeys: [{}]", keys.join(", ")),
                format!("  DetailTypes: [{}]", detail_types(domain).join(", ")),
            ]
        })
        .collect()
}

/// Lists the keys of the entities table that the domain's processor may read and write, as IAM's patterns.
fn aggregate_keys(domain: Domain) -> Vec<String> {
    if domain == Domain::Unrecognised {
        // It takes the events of categories that nobody knows yet. Those that somebody knows are denied to it.
        return vec!["*".to_owned()];
    }
    entities(domain)
        .into_iter()
        .map(|entity| format!("{entity}#*"))
        .collect()
}

/// Lists what the domain's processor may tell the event bus of: the types of its categories' events, as IAM's patterns.
fn detail_types(domain: Domain) -> Vec<String> {
    if domain == Domain::Unrecognised {
        return vec!["\"*\"".to_owned()];
    }
    let own = CATEGORIES.iter().filter(|category| category.domain == domain);
    own.flat_map(|category| {
        [
            format!("\"{}\"", category.name),
            format!("\"{}.*\"", category.name),
        ]
    })
    .collect()
}

/// Lists the types of the domain's entities, each once, in the order of the table.
pub(crate) fn entities(domain: Domain) -> Vec<&'static str> {
    let mut entities = Vec::new();
    for category in CATEGORIES.iter().filter(|category| category.domain == domain) {
        if !entities.contains(&category.entity) {
            entities.push(category.entity);
        }
    }
    entities
}
