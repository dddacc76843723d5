//! What commands print with `--json`, held against its schemas in `events/schemas`.
//!
//! The schema of a command is found by the command's name, so that one without a schema fails wherever it prints JSON.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use serde::Serialize;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/schemas")
}

/// Fails unless what a whole command line of `C` printed is as the schema of its command says.
///
/// # Panics
///
/// If it is not, is no JSON, or the command has no schema.
pub fn assert_described<C: CommandFactory>(line: &[String], printed: &str) {
    let command = command_of::<C>(line);
    let json = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{command}: {error}: {printed}"));
    assert_fits(&command, &json);
}

/// Gives the JSON of the report of a command, which is as its schema says.
///
/// # Panics
///
/// If it is not.
pub fn fitting(command: &str, report: &impl Serialize) -> Value {
    let json = serde_json::to_value(report).expect("a report is JSON");
    assert_fits(command, &json);
    json
}

/// Fails unless a document is as the schema of a command says.
///
/// # Panics
///
/// If it is not, or the command has no schema.
pub fn assert_fits(command: &str, document: &Value) {
    assert_valid(&format!("commands/{}", command.replace(' ', "-")), document);
}

/// Fails unless a document is as the schema of errors says.
///
/// # Panics
///
/// When the document breaks `error.schema.json`.
pub fn assert_error(document: &Value) {
    assert_valid("error", document);
}

/// Reads a schema by its name: `error`, `commands/events-show`.
///
/// # Panics
///
/// If there is none.
pub fn schema(name: &str) -> Value {
    let file = folder().join(format!("{name}.schema.json"));
    let schema = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&schema).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn assert_valid(name: &str, document: &Value) {
    let schema = schema(name);
    let schema = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    let errors = schema.iter_errors(document);
    let errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert!(
        errors.is_empty(),
        "not as events/schemas/{name}.schema.json says: {errors:?}: {document}"
    );
}

/// Names the command of a whole command line of `C`: `events show`.
fn command_of<C: CommandFactory>(line: &[String]) -> String {
    let matches = C::command().try_get_matches_from(line);
    let matches = matches.unwrap_or_else(|error| panic!("{error}"));
    let (mut names, mut at) = (Vec::new(), &matches);
    while let Some((name, inner)) = at.subcommand() {
        names.push(name);
        at = inner;
    }
    names.join(" ")
}

/// Lists the commands of `C` that have no commands below them, by their whole names.
pub fn commands<C: CommandFactory>() -> Vec<String> {
    fn add(command: &Command, name: &str, names: &mut Vec<String>) {
        if !command.has_subcommands() {
            names.push(name.to_owned());
        }
        for below in command.get_subcommands() {
            add(below, format!("{name} {}", below.get_name()).trim_start(), names);
        }
    }
    let mut names = Vec::new();
    add(&C::command(), "", &mut names);
    names
}

/// Lists the commands that have a schema, by the names of the files: `events-show`.
///
/// # Panics
///
/// If the folder cannot be read.
pub fn described() -> Vec<String> {
    let entries = fs::read_dir(folder().join("commands")).expect("the folder of the schemas can be read");
    let files = entries.map(|entry| entry.expect("a folder can be read").file_name());
    files
        .map(|file| {
            let file = file.to_string_lossy().into_owned();
            let name = file.strip_suffix(".schema.json");
            name.unwrap_or_else(|| panic!("{file} is no schema")).to_owned()
        })
        .collect()
}
