//! The table of the documentation: which command calls what, on which resource.

use std::collections::BTreeMap;

use super::*;

/// Lists the calls by command, in the order of the commands.
pub(super) type Made = Vec<(&'static str, BTreeSet<Right>)>;

/// Writes the rows of the table: commands with the same calls share one.
pub(super) fn rows(policy: &str, made: &Made) -> String {
    let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
    for (command, rights) in made {
        let calls = calls(rights);
        match rows.iter_mut().find(|(own, _)| *own == calls) {
            Some((_, commands)) => commands.push(command),
            None => rows.push((calls, vec![command])),
        }
    }
    let row = |(calls, commands): &(String, Vec<&str>)| {
        format!("| `{}` | {policy} | {calls} |\n", commands.join("`, `"))
    };
    rows.iter().map(row).collect()
}

pub(super) fn calls(rights: &BTreeSet<Right>) -> String {
    let mut by_action: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (action, arn) in rights.iter().filter(|right| right.0 != BEFORE_ALL.0) {
        by_action.entry(action).or_default().extend(place(arn));
    }
    let call = |(action, places): (&&str, &BTreeSet<String>)| match places.is_empty() {
        true => format!("`{action}`"),
        false => format!(
            "`{action}` ({})",
            places.iter().cloned().collect::<Vec<_>>().join(", ")
        ),
    };
    match by_action.is_empty() {
        true => "nothing more".to_owned(),
        false => by_action.iter().map(call).collect::<Vec<_>>().join("; "),
    }
}

/// Tells what the table calls a resource.
pub(super) fn place(arn: &str) -> Option<String> {
    let name = arn.rsplit(':').next()?;
    let own = name.split_once(&format!("{STACK}-")).map(|(_, own)| own);
    let own = own.and_then(|own| own.split('-').next()).unwrap_or_default();
    Some(match arn.split(':').nth(2)? {
        "dynamodb" => own.trim_end_matches("Table").to_lowercase(),
        "sqs" if own.ends_with("DeadLetterQueue") => "dead-letter queues".to_owned(),
        "sqs" if own == "DeliveriesQueue" => "deliveries queue".to_owned(),
        "sqs" => "domain queues".to_owned(),
        "s3" if name.contains("-pendingbucket-") => "pending".to_owned(),
        "s3" if name.contains("-quarantinebucket-") => "quarantine".to_owned(),
        "s3" => "archive".to_owned(),
        "secretsmanager" if name.contains("UPVEST_SECRET") => "Upvest's credentials".to_owned(),
        "secretsmanager" => "keys of your own".to_owned(),
        _ => return None,
    })
}
