//! The files that functions are built from: which have changed, and which functions that concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names the folders of the repository that functions are built from.
const FOLDERS: [&str; 2] = ["functions", "crates"];
/// Names the folder with the user's code, a file for each domain.
const ACTIONS: &str = "functions/processors/src/actions";

/// Holds when each file was changed last, and its size.
pub(crate) type Sources = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Looks at all files that functions are built from. What cannot be read is left out: an editor may be replacing it.
pub(crate) fn look(repository: &Path) -> Sources {
    let mut folders: Vec<_> = FOLDERS.iter().map(|name| repository.join(name)).collect();
    let mut sources = Sources::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(path);
            } else if let Ok(modified) = metadata.modified() {
                sources.insert(path, (modified, metadata.len()));
            }
        }
    }
    sources
}

/// Lists the files that differ between two looks, those that came or went included.
pub(crate) fn changed(before: &Sources, after: &Sources) -> BTreeSet<PathBuf> {
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let paths = before.keys().chain(after.keys());
    paths.filter(differs).cloned().collect()
}

/// Lists those of the `binaries` that are built from one of these files, as cargo noted when it built them.
///
/// A file of actions is compiled into all processors, but only that of its domain calls it.
pub(crate) fn affected<'b>(
    repository: &Path,
    binaries: impl Iterator<Item = &'b str>,
    files: &BTreeSet<PathBuf>,
) -> BTreeSet<String> {
    let binaries: BTreeSet<&str> = binaries.collect();
    let (mut affected, mut others) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        match domain_of(repository, file).filter(|domain| binaries.contains(domain.as_str())) {
            Some(domain) => {
                affected.insert(domain);
            }
            None => {
                others.insert(file.clone());
            }
        }
    }
    let is_concerned = |binary: &&str| !others.is_disjoint(&built_from(repository, binary));
    affected.extend(binaries.into_iter().filter(is_concerned).map(str::to_owned));
    affected
}

/// Names the processor whose actions are in a file, or in a folder beside it; `None` where it has none.
fn domain_of(repository: &Path, file: &Path) -> Option<String> {
    let within = file.strip_prefix(repository.join(ACTIONS)).ok()?;
    if within.extension()? != "rs" {
        return None;
    }
    let module = Path::new(within.iter().next()?).file_stem()?;
    Some(module.to_string_lossy().replace('_', "-"))
}

/// Lists the files that cargo built a binary from; none where it has not built it yet.
fn built_from(repository: &Path, binary: &str) -> BTreeSet<PathBuf> {
    let noted = repository.join("target/debug").join(format!("{binary}.d"));
    let text = fs::read_to_string(noted).unwrap_or_default();
    // Cargo writes a line for make: a space within a path has a backslash before it.
    let text = text.replace("\\ ", "\0");
    // The first word is the binary that is built, and no source.
    let paths = text.split_ascii_whitespace().skip(1);
    paths.map(|path| PathBuf::from(path.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// Holds a repository with two processors and a function that is none, which is removed in the end.
    struct Scratch(TempDir);

    impl Scratch {
        fn new() -> Self {
            // With a space, as a folder of a user's may have.
            let scratch = Self(TempDir::with_prefix("local-stack sources ").unwrap());
            let actions = ["orders", "corporate_actions", "orders/desk"];
            for file in actions.map(|name| format!("{ACTIONS}/{name}.rs")) {
                scratch.write(&file, "");
            }
            for file in ["functions/ingest/src/lib.rs", "crates/pipeline/src/lib.rs"] {
                scratch.write(file, "");
            }
            let actions = "functions/processors/src/actions/orders.rs crates/pipeline/src/lib.rs";
            scratch.note("orders", actions);
            scratch.note("corporate-actions", actions);
            scratch.note("ingest", "functions/ingest/src/lib.rs crates/pipeline/src/lib.rs");
            scratch
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Notes what a binary is built from, as cargo does.
        fn note(&self, binary: &str, files: &str) {
            let escaped = |path: &Path| path.display().to_string().replace(' ', "\\ ");
            let files: Vec<_> = files
                .split(' ')
                .map(|file| escaped(&self.path().join(file)))
                .collect();
            let target = format!("target/debug/{binary}");
            let line = format!("{}: {}\n", escaped(&self.path().join(&target)), files.join(" "));
            self.write(&format!("{target}.d"), &line);
        }

        fn affected(&self, file: &str) -> Vec<String> {
            let binaries = ["orders", "corporate-actions", "ingest"].into_iter();
            let files = BTreeSet::from([self.path().join(file)]);
            affected(self.path(), binaries, &files).into_iter().collect()
        }
    }

    #[test]
    fn what_was_written_made_or_removed_has_changed() {
        let scratch = Scratch::new();
        let before = look(scratch.path());
        assert_eq!(changed(&before, &look(scratch.path())), BTreeSet::new());
        scratch.write("crates/pipeline/src/lib.rs", "// longer");
        scratch.write("crates/pipeline/src/more.rs", "");
        fs::remove_file(scratch.path().join("functions/ingest/src/lib.rs")).unwrap();
        let changed = changed(&before, &look(scratch.path()));
        let names: Vec<_> = changed
            .iter()
            .map(|path| path.strip_prefix(scratch.path()).unwrap())
            .collect();
        let expected = [
            "crates/pipeline/src/lib.rs",
            "crates/pipeline/src/more.rs",
            "functions/ingest/src/lib.rs",
        ];
        assert_eq!(names, expected.map(Path::new));
    }

    #[test]
    fn a_file_of_actions_concerns_the_processor_of_its_domain_alone() {
        let scratch = Scratch::new();
        assert_eq!(scratch.affected(&format!("{ACTIONS}/orders.rs")), ["orders"]);
        assert_eq!(scratch.affected(&format!("{ACTIONS}/orders/desk.rs")), ["orders"]);
        let actions = format!("{ACTIONS}/corporate_actions.rs");
        assert_eq!(scratch.affected(&actions), ["corporate-actions"]);
    }

    #[test]
    fn any_other_file_concerns_what_cargo_built_from_it() {
        let scratch = Scratch::new();
        assert_eq!(
            scratch.affected("crates/pipeline/src/lib.rs"),
            ["corporate-actions", "ingest", "orders"]
        );
        assert_eq!(scratch.affected("functions/ingest/src/lib.rs"), ["ingest"]);
        assert_eq!(
            scratch.affected("crates/operator/src/lib.rs"),
            Vec::<String>::new()
        );
        assert_eq!(
            scratch.affected(&format!("{ACTIONS}/.orders.rs.swp")),
            Vec::<String>::new()
        );
    }
}
