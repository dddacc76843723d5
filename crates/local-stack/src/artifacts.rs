//! The folder of a stack, and the release in it that the development build is deployed from.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use release::Parts;

use crate::LocalStackError;

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

/// Makes a release of the template and the development build, in a fresh `deploy` folder of `directory`; gives that folder.
///
/// # Errors
///
/// [`LocalStackError::Package`] when something is missing, or the template is not written as it is to be.
pub(crate) fn package(repository: &Path, directory: &Path) -> Result<PathBuf, LocalStackError> {
    let dist = directory.join("deploy");
    // Whatever is in it, and however the work on it ended: the folder is ours.
    if dist.exists() {
        fs::remove_dir_all(&dist).map_err(|source| LocalStackError::file("remove", &dist, source))?;
    }
    let parts = Parts::for_this_machine(repository.join("target/debug"), repository.to_owned(), dist);
    release::package(&parts).map_err(|error| LocalStackError::Package(Box::new(error)))?;
    Ok(parts.dist)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_the_folder_goes_and_what_cannot_be_packaged_says_why() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let left = root.join(".local/deploy/target/lambda/ingest/bootstrap");
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, "of an earlier version").unwrap();
        let error = package(root, &root.join(".local")).unwrap_err();
        assert!(!left.exists());
        let told = pipeline::error::ErrorChain(&error).to_string();
        assert!(
            told.starts_with("the template and the functions cannot be packaged"),
            "{told}"
        );
        assert!(told.contains("CHANGELOG.md"), "{told}");
    }

    #[test]
    fn a_folder_serves_one_stack_at_a_time() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("stack");
        let held = lock(&directory).unwrap();
        assert!(matches!(lock(&directory), Err(LocalStackError::InUse { .. })));
        drop(held);
        lock(&directory).unwrap();
    }
}
