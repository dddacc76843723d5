//! What `docs/parameters.md` repeats of the parameters in `template.yaml`: a table for each group.
//!
//! The template is read line by line, in the form that it is written in: each member of a parameter on a line of its own. A
//! library that reads YAML would be one more package in the builds of this one, which a test makes anew. That the page says
//! what such a library finds is held by a test of the template.

use std::collections::BTreeMap;

use crate::GenerateError;

/// Maps the names of a parameter's members, `Default` for example, to their values as they are written.
type Members<'t> = BTreeMap<&'t str, &'t str>;

/// Makes the region of the page: a heading and a table for each group, in the template's order.
///
/// # Errors
///
/// [`GenerateError::Parameter`] when a group names a parameter that is not written as the others are.
pub(crate) fn regions(template: &str) -> Result<Vec<(&'static str, Vec<String>)>, GenerateError> {
    let parameters = parameters(template);
    let mut lines = Vec::new();
    for (label, names) in groups(template) {
        lines.extend([String::new(), format!("## {label}"), String::new()]);
        let head = [
            "| Parameter | Default | Allowed | What it does |",
            "|---|---|---|---|",
        ];
        lines.extend(head.map(str::to_owned));
        for name in names {
            let row = parameters.get(name).and_then(|members| row(name, members));
            lines.push(row.ok_or_else(|| GenerateError::Parameter(name.to_owned()))?);
        }
    }
    lines.push(String::new());
    Ok(vec![("parameters", lines)])
}

/// Reads the groups of parameters: the label of each, and the names in it.
fn groups(template: &str) -> Vec<(&str, Vec<&str>)> {
    let mut groups = Vec::new();
    let mut lines = template.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = between(line, "- Label: { default: ", " }") else {
            continue;
        };
        let names = lines.next().and_then(|line| between(line, "Parameters: [", "]"));
        groups.push((label, names.unwrap_or_default().split(", ").collect()));
    }
    groups
}

fn between<'t>(line: &'t str, before: &str, after: &str) -> Option<&'t str> {
    line.strip_prefix(before)?.strip_suffix(after)
}

/// Reads the template's section of parameters.
fn parameters(template: &str) -> BTreeMap<&str, Members<'_>> {
    let section = template.lines().skip_while(|line| *line != "Parameters:").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with(' '));
    let mut parameters: BTreeMap<&str, Members<'_>> = BTreeMap::new();
    let mut name = "";
    for line in section {
        if let Some(line) = line.strip_prefix("    ") {
            if let Some((member, value)) = line.split_once(": ") {
                parameters.entry(name).or_default().insert(member, value);
            }
        } else if let Some(line) = line.strip_prefix("  ") {
            name = line.strip_suffix(':').unwrap_or(name);
        }
    }
    parameters
}

/// Writes the row of a parameter; `None` for one without a default or a description.
fn row(name: &str, members: &Members<'_>) -> Option<String> {
    let default = match unquoted(members.get("Default")?) {
        "" => String::new(),
        default => format!("`{default}`"),
    };
    let description = unquoted(members.get("Description")?);
    let allowed = allowed(members);
    Some(format!("| `{name}` | {default} | {allowed} | {description} |"))
}

fn allowed(members: &Members<'_>) -> String {
    let [values, least, most] = ["AllowedValues", "MinValue", "MaxValue"].map(|name| members.get(name));
    match (values, least, most) {
        (Some(values), ..) => {
            let values = values.trim_matches(['[', ']']).split(", ");
            let values: Vec<String> = values.map(|value| format!("`{}`", unquoted(value))).collect();
            values.join(", ")
        }
        (None, Some(least), Some(most)) => format!("{least} to {most}"),
        (None, Some(least), None) => format!("{least} or more"),
        (None, None, Some(most)) => format!("{most} or less"),
        (None, None, None) => String::new(),
    }
}

fn unquoted(value: &str) -> &str {
    between(value, "\"", "\"").unwrap_or(value)
}
