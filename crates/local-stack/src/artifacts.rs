//! The folder that is deployed: the template beside the binaries of the development build, so that these never mix
//! with the release artefacts in `target/lambda`.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::LocalStackError;

/// Lists what the template's folder holds besides the binaries.
const SOURCES: [&str; 3] = ["template.yaml", "samconfig.toml", "infra"];

/// Takes the folder for this process, for as long as the returned file is open.
///
/// # Errors
///
/// [`LocalStackError::InUse`] when another process has it.
pub(crate) fn lock(directory: &Path) -> Result<File, LocalStackError> {
    fs::create_dir_all(directory).map_err(|source| LocalStackError::file("create", directory, source))?;
    let path = directory.join("lock");
    let file = File::create(&path).map_err(|source| LocalStackError::file("create", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LocalStackError::InUse {
            directory: directory.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(LocalStackError::file("lock", &path, source)),
    }
}

/// Puts the template and the functions' binaries into a fresh `deploy` folder of `directory`.
///
/// # Errors
///
/// [`LocalStackError::File`] when something is missing or cannot be written.
pub(crate) fn assemble(repository: &Path, directory: &Path) -> Result<PathBuf, LocalStackError> {
    let artifacts = directory.join("deploy");
    if artifacts.exists() {
        fs::remove_dir_all(&artifacts)
            .map_err(|source| LocalStackError::file("remove", &artifacts, source))?;
    }
    for name in SOURCES {
        link(&repository.join(name), &artifacts.join(name))?;
    }
    for name in binaries(repository)? {
        let binary = repository.join("target/debug").join(&name);
        link(
            &binary,
            &artifacts.join("target/lambda").join(&name).join("bootstrap"),
        )?;
    }
    Ok(artifacts)
}

/// Lists the binaries of the packages below `functions`, in order.
///
/// A package with a `main.rs` has one of its own name; each file in `src/bin` is another. A release has the same ones.
///
/// # Errors
///
/// [`LocalStackError::File`] when a folder cannot be listed.
pub fn binaries(repository: &Path) -> Result<Vec<String>, LocalStackError> {
    let mut names = Vec::new();
    for package in entries(&repository.join("functions"))? {
        if package.join("src/main.rs").exists() {
            names.extend(
                package
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
        let more = package.join("src/bin");
        if more.is_dir() {
            let sources = entries(&more)?.into_iter();
            names.extend(sources.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())));
        }
    }
    names.sort();
    Ok(names)
}

/// Links or copies a file, or a folder with everything in it.
fn link(from: &Path, to: &Path) -> Result<(), LocalStackError> {
    if from.is_dir() {
        fs::create_dir_all(to).map_err(|source| LocalStackError::file("create", to, source))?;
        for entry in entries(from)? {
            let Some(name) = entry.file_name() else { continue };
            link(&entry, &to.join(name))?;
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|source| LocalStackError::file("create", parent, source))?;
    }
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .map_err(|source| LocalStackError::file("copy", from, source))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LocalStackError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|source| LocalStackError::file("list", folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_placed_under_the_name_of_its_binary() {
        let root = std::env::temp_dir().join(format!("local-stack-artifacts-{}", std::process::id()));
        for file in [
            "template.yaml",
            "samconfig.toml",
            "infra/part.yaml",
            "functions/ingest/src/main.rs",
            "functions/processors/src/bin/orders.rs",
            "target/debug/ingest",
            "target/debug/orders",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let artifacts = assemble(&root, &root.join(".local")).unwrap();
        let content = |name: &str| fs::read_to_string(artifacts.join(name)).unwrap();
        assert_eq!(content("target/lambda/ingest/bootstrap"), "target/debug/ingest");
        assert_eq!(content("target/lambda/orders/bootstrap"), "target/debug/orders");
        assert_eq!(content("infra/part.yaml"), "infra/part.yaml");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_folder_serves_one_stack_at_a_time() {
        let directory = std::env::temp_dir().join(format!("local-stack-lock-{}", std::process::id()));
        let held = lock(&directory).unwrap();
        assert!(matches!(lock(&directory), Err(LocalStackError::InUse { .. })));
        drop(held);
        lock(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }
}
