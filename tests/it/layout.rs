//! How code is laid out: no file is so long that one has to search in it.

mod circles;
mod clients;
mod rooms;
mod stores;

use std::fs;
use std::path::{Path, PathBuf};

/// Names the folders that have code of ours.
const FOLDERS: [&str; 6] = ["bench", "crates", "functions", "fuzz", "tests", "tools"];
/// Bounds the lines of a file without the tests at its end, as CONTRIBUTING.md says.
const MOST: usize = 300;
/// Bounds the lines of a file of tests, as CONTRIBUTING.md says.
const MOST_OF_TESTS: usize = 500;

fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("tests/ has a parent")
}

/// Lists the files of Rust, by their paths from the root.
fn files() -> Vec<PathBuf> {
    let root = root();
    let mut folders: Vec<_> = FOLDERS.iter().map(|name| root.join(name)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let paths = entries.map(|entry| entry.expect("a folder can be read").path());
        let (below, here): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        folders.extend(below);
        files.extend(here);
    }
    files.retain(|file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs"));
    let inside = |file: PathBuf| file.strip_prefix(root).expect("it is below the root").to_owned();
    files.into_iter().map(inside).collect()
}

fn is_of_tests(file: &Path) -> bool {
    let is_named_so = file
        .file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
    is_named_so || file.iter().any(|part| part == "tests")
}

/// Tells whether a file is of what runs at those who use this: neither the emulator nor tests are.
fn is_shipped(file: &Path) -> bool {
    let is_ours = file.starts_with("crates") || file.starts_with("functions");
    is_ours
        && !file.starts_with("crates/fake-aws")
        && !is_of_tests(file)
        && file.iter().any(|part| part == "src")
}

/// Counts the lines of a file up to the tests within it, without those that name a file of tests.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| is_of_a_module(pair, '{'));
    let code = &lines[..tests.unwrap_or(lines.len())];
    let named = code.windows(2).filter(|pair| is_of_a_module(pair, ';'));
    code.len() - 2 * named.count()
}

/// Says whether two lines mark a module as one of tests, and the second ends so.
fn is_of_a_module(pair: &[&str], end: char) -> bool {
    pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with(end)
}

#[test]
fn no_file_is_longer_than_contributing_allows() {
    let mut too_long = Vec::new();
    for file in files() {
        let text = fs::read_to_string(root().join(&file))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (most, count) = match is_of_tests(&file) {
            true => (MOST_OF_TESTS, text.lines().count()),
            false => (MOST, lines_of_code(&text)),
        };
        if count > most {
            too_long.push(format!("{}: {count} lines, at most {most}", file.display()));
        }
    }
    assert!(too_long.is_empty(), "split by subject:\n{}", too_long.join("\n"));
}

#[test]
fn a_file_of_tests_that_is_named_at_the_top_does_not_end_the_code() {
    let code = "mod making;\n#[cfg(test)]\nmod tests;\n\n#[cfg(test)]\nuse a::b;\n\nfn c() {}\n";
    assert_eq!(lines_of_code(code), 6);
    let within = format!("{code}#[cfg(test)]\npub(super) mod tests {{\n    use super::*;\n}}\n");
    assert_eq!(lines_of_code(&within), 6);
}
