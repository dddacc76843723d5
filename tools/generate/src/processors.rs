//! What the package of the domains' processors repeats: a binary and a module for each domain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::category::Domain;
use crate::{Files, GenerateError, read, read_if_there};

/// Names the file that declares the modules with the domains' actions.
pub(crate) const MODULES: &str = "functions/processors/src/actions.rs";
/// Names the manifest of the package, which lists the binaries.
pub(crate) const MANIFEST: &str = "functions/processors/Cargo.toml";
/// Names the folder with the modules of the domains' actions.
const ACTIONS: &str = "functions/processors/src/actions";
/// Names the folder with the binaries, all of which are generated: what else is there is removed.
const BINARIES: &str = "functions/processors/src/bin";
/// Names the list of the actions' files as they were first released, with their hashes.
const RELEASED: &str = "functions/processors/released-actions.txt";

/// Makes the regions of [`MODULES`]: a line for each domain's module.
pub(crate) fn module_regions() -> Vec<(&'static str, Vec<String>)> {
    let mut modules: Vec<String> = Domain::ALL
        .into_iter()
        .map(|domain| format!("pub mod {};", module(domain)))
        .collect();
    // As rustfmt has them.
    modules.sort();
    vec![("modules", modules)]
}

/// Makes the region of [`MANIFEST`]: each binary, without a test binary that would link the AWS SDK to run nothing.
pub(crate) fn manifest_regions() -> Vec<(&'static str, Vec<String>)> {
    let binary = |domain: Domain| {
        [
            "[[bin]]".to_owned(),
            format!("name = \"{domain}\""),
            format!("path = \"src/bin/{domain}.rs\""),
            "test = false".to_owned(),
        ]
    };
    vec![("binaries", Domain::ALL.into_iter().flat_map(binary).collect())]
}

/// Adds the files that are generated as a whole.
pub(crate) fn add_files(root: &Path, files: &mut Files) -> Result<(), GenerateError> {
    // What is there is taken for superfluous until a domain claims it below.
    files.extend(files_in(root, BINARIES)?.into_iter().map(|path| (path, None)));
    for domain in Domain::ALL {
        let path = Path::new(BINARIES).join(format!("{domain}.rs"));
        files.insert(path, Some(binary(domain)));
    }
    files.insert(RELEASED.into(), Some(released(root)?));
    Ok(())
}

fn module(domain: Domain) -> String {
    domain.name().replace('-', "_")
}

fn binary(domain: Domain) -> String {
    let module = module(domain);
    format!(
        "//! Runs the processor of the domain `{domain}`. Written by `make generate`.\n\
         \n\
         use std::process::ExitCode;\n\
         \n\
         use processors::actions::{module};\n\
         use upvest::Domain;\n\
         \n\
         #[global_allocator]\n\
         static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;\n\n\
         #[tokio::main(flavor = \"current_thread\")]\n\
         async fn main() -> ExitCode {{\n    \
             pipeline::processor::run(Domain::{domain:?}, {module}::actions).await\n\
         }}\n"
    )
}

/// Lists each actions file with the hash that it was first released with.
///
/// A line that is there stays as it is: the file is the user's from then on, and a test holds it to the line.
fn released(root: &Path) -> Result<String, GenerateError> {
    let listed = read_if_there(root, Path::new(RELEASED))?.unwrap_or_default();
    let mut lines: BTreeMap<&str, String> = listed
        .lines()
        .filter_map(|line| Some((line.split_once("  ")?.1, line.to_owned())))
        .collect();
    let names: Vec<(Domain, String)> = Domain::ALL
        .into_iter()
        .map(|domain| (domain, format!("{}.rs", module(domain))))
        .collect();
    for (domain, name) in &names {
        let path = Path::new(ACTIONS).join(name);
        if !root.join(&path).exists() {
            return Err(GenerateError::NoActions {
                path,
                domain: *domain,
            });
        }
        // A file's first hash stays: it tells whether the user has changed the file since.
        if !lines.contains_key(name.as_str()) {
            let sha256 = hex::encode(Sha256::digest(read(root, &path)?));
            lines.insert(name, format!("{sha256}  {name}"));
        }
    }
    Ok(lines.into_values().map(|line| line + "\n").collect())
}

fn files_in(root: &Path, folder: &str) -> Result<Vec<PathBuf>, GenerateError> {
    if !root.join(folder).exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(root.join(folder)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| GenerateError::File {
        path: folder.into(),
        source,
    })?;
    let name = |entry: fs::DirEntry| Path::new(folder).join(entry.file_name());
    Ok(entries.into_iter().map(name).collect())
}
