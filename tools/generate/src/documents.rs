//! What the schema of published changes and the documentation repeat.

use crate::category::Domain;
use crate::template::entities;

/// Makes the regions of `events/schemas/change.v1.schema.json`: the domains that a published change may name.
pub(crate) fn schema_regions() -> Vec<(&'static str, Vec<String>)> {
    let names = Domain::ALL.into_iter().enumerate().map(|(index, domain)| {
        let comma = if index + 1 < Domain::ALL.len() { "," } else { "" };
        format!("\"{domain}\"{comma}")
    });
    vec![("domains", names.collect())]
}

/// Makes the regions of `docs/adding-a-domain.md`: a table of the domains with their entities.
pub(crate) fn domains_regions() -> Vec<(&'static str, Vec<String>)> {
    let rows = Domain::ALL.into_iter().map(|domain| {
        let entities: Vec<String> = entities(domain)
            .iter()
            .map(|entity| format!("`{entity}`"))
            .collect();
        format!("| `{domain}` | {} | {} |", domain.about(), entities.join(", "))
    });
    let head = ["| Domain | What it is about | Its entities |", "|---|---|---|"].map(str::to_owned);
    vec![("domains", head.into_iter().chain(rows).collect())]
}

/// Makes the regions of `docs/operations.md`: the commands that verify every domain.
pub(crate) fn operations_regions() -> Vec<(&'static str, Vec<String>)> {
    let (first, others) = Domain::ALL.split_at(Domain::ALL.len() / 2);
    let line = |domains: &[Domain]| {
        let names: Vec<&str> = domains.iter().map(|domain| domain.name()).collect();
        names.join(" ")
    };
    vec![(
        "verify-every-domain",
        vec![
            "```sh".to_owned(),
            "upvest-webhooks --stack webhooks-live archive verify --since 2026-11-01".to_owned(),
            format!(
                "upvest-webhooks --stack webhooks-live entities verify --domain {} \\",
                line(first)
            ),
            line(others),
            "```".to_owned(),
        ],
    )]
}
