//! The functions of a release: each binary that the template deploys, found in a folder and put into a zip.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use operator::release::function_path;
use operator::{Error, Result};

use crate::archives::{self, Effort};
use crate::{Parts, dist};

/// Names what Lambda runs on.
const ARCHITECTURES: [&str; 2] = ["arm64", "x86_64"];

/// Lists the binaries of the packages below `functions`, in order: those that a release has.
///
/// A package with a `main.rs` has one of its own name; each file in `src/bin` is another.
///
/// # Errors
///
/// [`Error`] when a folder cannot be listed.
pub fn binaries(repository: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for package in dist::entries(&repository.join("functions"))? {
        if package.join("src/main.rs").exists() {
            let name = package.file_name();
            names.extend(name.map(|name| name.to_string_lossy().into_owned()));
        }
        let more = package.join("src/bin");
        if more.is_dir() {
            let sources = dist::entries(&more)?.into_iter();
            names.extend(sources.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())));
        }
    }
    names.sort();
    Ok(names)
}

/// Writes the zips of all functions, for every architecture, below the folder of the release.
pub(crate) fn write(parts: &Parts, binaries: &[String], effort: Effort) -> Result<()> {
    let mut zips: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (architecture, folder) in &parts.functions {
        if !ARCHITECTURES.contains(&architecture.as_str()) {
            let known = ARCHITECTURES.join(" or ");
            return Err(Error::usage(format!(
                "Lambda has no architecture {architecture}, but {known}"
            )));
        }
        for binary in binaries {
            let to = parts.dist.join(function_path(architecture, binary));
            if zips.iter().any(|(_, known)| *known == to) {
                return Err(Error::usage(format!("{architecture} is given twice")));
            }
            zips.push((find(folder, binary)?, to));
        }
    }
    if zips.is_empty() {
        return Err(Error::usage(
            "a release has functions: --functions ARCHITECTURE=FOLDER",
        ));
    }
    for (_, to) in &zips {
        let folder = to.parent().expect("a function has a folder");
        fs::create_dir_all(folder).map_err(Error::context(format!("cannot create {}", folder.display())))?;
    }
    let root = (!parts.is_fast).then_some(parts.repository.as_path());
    write_all(zips, root, effort)
}

/// Finds a binary as cargo-lambda places it, or as Cargo does.
fn find(folder: &Path, binary: &str) -> Result<PathBuf> {
    let places = [folder.join(binary).join("bootstrap"), folder.join(binary)];
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| {
        Error::not_found(format!(
            "{} has no {binary}, which the template deploys: build all functions first",
            folder.display()
        ))
    })
}

/// Writes the zips on all cores: compressing takes seconds for each.
fn write_all(zips: Vec<(PathBuf, PathBuf)>, root: Option<&Path>, effort: Effort) -> Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(zips);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    loop {
                        let next = left.lock().expect("no worker panics while it takes one").pop();
                        let Some((from, to)) = next else { return Ok(()) };
                        write_one(&from, &to, root, effort)?;
                    }
                })
            })
            .collect();
        let ended = workers
            .into_iter()
            .map(|worker| worker.join().expect("a worker does not panic"));
        ended.collect::<Result<Vec<()>>>().map(drop)
    })
}

fn write_one(from: &Path, to: &Path, root: Option<&Path>, effort: Effort) -> Result<()> {
    let program = fs::read(from).map_err(Error::context(format!("cannot read {}", from.display())))?;
    if let Some(root) = root.filter(|root| names(&program, root)) {
        return Err(Error::failed(format!(
            "{} names {}, the folder it was built in, and would be another one elsewhere: build it by make release",
            from.display(),
            root.display()
        )));
    }
    let zip = archives::zip(&program, effort)?;
    fs::write(to, zip).map_err(Error::context(format!("cannot write {}", to.display())))
}

/// Tells whether a program has the path of a folder in it.
fn names(program: &[u8], folder: &Path) -> bool {
    let path = folder.as_os_str().as_encoded_bytes();
    !path.is_empty() && program.windows(path.len()).any(|window| window == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_names_its_folder_is_found_out() {
        let folder = Path::new("/home/somebody/upvest-webhooks");
        assert!(names(
            b"\x7fELF /home/somebody/upvest-webhooks/crates/x.rs",
            folder
        ));
        assert!(!names(b"\x7fELF /upvest-webhooks/crates/x.rs", folder));
        assert!(!names(b"", folder));
    }
}
