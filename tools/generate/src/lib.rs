//! Writes what other files repeat of the tables of domains and categories in `crates/upvest/src/category`, and of the template's
//! parameters.
//!
//! The template, the dashboard, the schema of published changes, the processors and the documentation all name the
//! domains, and IAM lists the entities of each. None of them can read Rust, so `make generate` writes these parts, and
//! `make check` fails where one differs from what would be written. A part is a whole file, a region between two marks
//! ([`region`]), a run of lines of the dashboard, whose JSON has no place for marks, or what the list of released ranks
//! lacks.
//!
//! What only people can decide is not written here: the code in `functions/processors/src/actions`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use category::Domain;

#[path = "../../../crates/upvest/src/addresses.rs"]
pub mod addresses;
pub mod category;
mod dashboard;
mod documents;
mod parameters;
mod processors;
mod ranks;
pub mod region;
mod template;

/// Says why the generated parts were not written, or not compared: the file that a person has to repair.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Gives the path of the file, below the repository's root.
        path: PathBuf,
        /// Says what reading or writing it failed with.
        source: std::io::Error,
    },
    /// A file has no region of this name, or one that does not end.
    #[error("{path}: {source}")]
    Region {
        /// Gives the path of the file, below the repository's root.
        path: PathBuf,
        /// Says which mark the file lacks.
        source: region::RegionError,
    },
    /// A domain has no actions. They belong to whoever deploys, so they are not generated.
    #[error("{path} is missing: the domain {domain} needs one, as docs/adding-a-domain.md shows")]
    NoActions {
        /// Gives the path of the file that is missing, below the repository's root.
        path: PathBuf,
        /// Names the domain that needs it.
        domain: Domain,
    },
    /// A group of the template's parameters names one that cannot be read.
    #[error("template.yaml: the parameter {0} has no default and description, each on a line of its own")]
    Parameter(String),
}

/// Maps each generated file of the repository to what it should hold; `None` for one that should not be there.
type Files = BTreeMap<PathBuf, Option<String>>;

/// Lists the generated files below `root` that are not as the tables have them, in order.
///
/// # Errors
///
/// [`GenerateError`] when a file is missing or has lost a mark.
pub fn differences(root: &Path) -> Result<Vec<PathBuf>, GenerateError> {
    let mut differing = Vec::new();
    for (path, wanted) in wanted(root)? {
        if read_if_there(root, &path)? != wanted {
            differing.push(path);
        }
    }
    Ok(differing)
}

/// Writes the generated files below `root`, and lists those that were not as they should be.
///
/// # Errors
///
/// [`GenerateError`] when a file is missing, has lost a mark or cannot be written.
pub fn write(root: &Path) -> Result<Vec<PathBuf>, GenerateError> {
    let differing = differences(root)?;
    let wanted = wanted(root)?;
    for path in &differing {
        let file = root.join(path);
        match &wanted[path] {
            Some(text) => write_file(&file, text),
            None => fs::remove_file(&file),
        }
        .map_err(|source| GenerateError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok(differing)
}

/// Writes a file, and makes its folder where that was deleted with all that was in it.
fn write_file(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

fn wanted(root: &Path) -> Result<Files, GenerateError> {
    let mut files = Files::new();
    let template = read(root, Path::new("template.yaml"))?;
    for (path, regions) in [
        ("template.yaml", template::regions()),
        ("infra/dashboard.yaml", dashboard::regions()),
        (
            "events/schemas/change.v1.schema.json",
            documents::schema_regions(),
        ),
        ("docs/adding-a-domain.md", documents::domains_regions()),
        ("docs/operations.md", documents::operations_regions()),
        ("docs/parameters.md", parameters::regions(&template)?),
        (processors::MODULES, processors::module_regions()),
        (processors::MANIFEST, processors::manifest_regions()),
    ] {
        let path = PathBuf::from(path);
        let text = regions
            .iter()
            .try_fold(read(root, &path)?, |text, (name, lines)| {
                region::replace(&text, name, lines)
            })
            .map_err(|source| GenerateError::Region {
                path: path.clone(),
                source,
            })?;
        files.insert(path, Some(text));
    }
    if let Some(Some(text)) = files.get_mut(Path::new("infra/dashboard.yaml")) {
        *text = dashboard::with_a_row_for_each_domain(text);
    }
    let released = read(root, Path::new(ranks::FILE))?;
    files.insert(ranks::FILE.into(), Some(ranks::with_new_names(&released)));
    processors::add_files(root, &mut files)?;
    Ok(files)
}

fn read(root: &Path, path: &Path) -> Result<String, GenerateError> {
    fs::read_to_string(root.join(path)).map_err(|source| GenerateError::File {
        path: path.to_owned(),
        source,
    })
}

fn read_if_there(root: &Path, path: &Path) -> Result<Option<String>, GenerateError> {
    match read(root, path) {
        Ok(text) => Ok(Some(text)),
        Err(GenerateError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
