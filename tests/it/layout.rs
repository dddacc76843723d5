//! How code is laid out: no file is so long that one has to search in it.

mod circles;

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

#[test]
fn no_file_is_longer_than_contributing_allows() {
    let mut too_long = Vec::new();
    for file in files() {
        let text = fs::read_to_string(root().join(&file))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (most, count) = match is_of_tests(&file) {
            true => (MOST_OF_TESTS, text.lines().count()),
            false => {
                let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
                (MOST, code.count())
            }
        };
        if count > most {
            too_long.push(format!("{}: {count} lines, at most {most}", file.display()));
        }
    }
    assert!(too_long.is_empty(), "split by subject:\n{}", too_long.join("\n"));
}
