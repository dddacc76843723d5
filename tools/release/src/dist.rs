//! The folder of a release: everything in its place, with the checksums of it all, and the archive of the folder beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use operator::release::{CHECKSUMS_FILE, RELEASE_FILE, Release, checksum};
use operator::{Error, Result};

use crate::archives::{self, Effort, Entry};
use crate::{Parts, built, changelog, functions, template};

/// Names the template, in the repository and in a release.
const TEMPLATE: &str = "template.yaml";
const CHANGELOG: &str = "CHANGELOG.md";
/// Lists files that are taken as they are: where they are in the repository, and in a release.
const FILES: [(&str, &str); 4] = [
    ("LICENSE", "LICENSE"),
    ("infra/adopt.py", "infra/adopt.py"),
    ("tools/release/files/README.md", "README.md"),
    (
        "tools/release/files/parameters.example.json",
        "parameters.example.json",
    ),
];
/// Names the policies for those who deploy and operate, in the repository and in a release.
const POLICIES: (&str, &str) = ("infra/examples", "policies");

/// Puts a release together, and the archive of it beside its folder unless it is a fast one; tells what it is made of.
///
/// # Errors
///
/// [`Error`] when a part is missing or not as it has to be, before the folder of an earlier release is touched where that can be
/// known, or a file cannot be written.
pub fn package(parts: &Parts) -> Result<Release> {
    let version = env!("CARGO_PKG_VERSION");
    check_tag(parts.tag.as_deref(), version)?;
    let changes = text(&parts.repository.join(CHANGELOG))?;
    if !parts.is_fast {
        let released = if parts.is_unreleased {
            changelog::UNRELEASED
        } else {
            version
        };
        changelog::section(&changes, released)?;
    }
    let sum = |path: &str| read(&parts.repository.join(path)).map(|content| checksum(&content));
    let packaged = template::packaged(&text(&parts.repository.join(TEMPLATE))?, sum)?;
    let binaries = functions::binaries(&parts.repository)?;
    if let Some(unknown) = packaged.functions.iter().find(|name| !binaries.contains(name)) {
        return Err(Error::failed(format!(
            "{TEMPLATE} deploys {unknown}, which no package in functions/ builds"
        )));
    }
    let commit = built::commit(parts, version)?;
    let effort = if parts.is_fast { Effort::Fast } else { Effort::Best };
    clear(&parts.dist)?;
    functions::write(parts, &binaries, effort)?;
    put(&parts.dist, TEMPLATE, packaged.text.as_bytes())?;
    put(&parts.dist, CHANGELOG, changes.as_bytes())?;
    let nested = packaged.nested.iter().map(|path| (path.as_str(), path.as_str()));
    for (from, to) in nested.chain(FILES) {
        put(&parts.dist, to, &read(&parts.repository.join(from))?)?;
    }
    copy(&parts.repository.join(POLICIES.0), &parts.dist, POLICIES.1)?;
    if let Some(bills) = &parts.sbom {
        copy(bills, &parts.dist, "sbom")?;
    }
    if let Some(folder) = &parts.cli {
        command_lines(folder, &parts.dist, version, effort)?;
    }
    finish(parts, version, commit, effort)
}

/// Refuses a tag of another version. A fork's own releases add to it: `v0.2.0-acme.1`.
fn check_tag(tag: Option<&str>, version: &str) -> Result<()> {
    let Some(tag) = tag else { return Ok(()) };
    match tag.strip_prefix('v').and_then(|rest| rest.strip_prefix(version)) {
        Some(more) if more.is_empty() || more.starts_with('-') => Ok(()),
        _ => Err(Error::usage(format!(
            "the tag {tag} is not that of version {version}, v{version} or v{version}-...: change the tag, or the version in \
             Cargo.toml"
        ))),
    }
}

/// Empties the folder of an earlier release, and removes its archive; a folder that holds something else is left alone.
fn clear(dist: &Path) -> Result<()> {
    let is_empty = dist
        .read_dir()
        .map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !dist.join(RELEASE_FILE).exists() {
        return Err(Error::usage(format!(
            "{} holds something else than a release: name another folder, or remove it",
            dist.display()
        )));
    }
    if dist.exists() {
        fs::remove_dir_all(dist).map_err(Error::context(format!("cannot remove {}", dist.display())))?;
    }
    // That of an earlier release is none of what comes, or may fail.
    let archive = beside(dist);
    if archive.exists() {
        fs::remove_file(&archive).map_err(Error::context(format!("cannot remove {}", archive.display())))?;
    }
    // A release that is not finished is none, but may be put together again.
    put(dist, RELEASE_FILE, b"")
}

/// Archives each command line, from the folder that has its target's name.
fn command_lines(folder: &Path, dist: &Path, version: &str, effort: Effort) -> Result<()> {
    for path in entries(folder)? {
        let target = name(&path);
        let mut files = Vec::new();
        for file in files_below(&path)?.into_iter().filter(|file| file != built::FILE) {
            files.push(Entry {
                content: read(&path.join(&file))?,
                is_program: file.starts_with("bin/"),
                path: file,
            });
        }
        if !files.iter().any(|file| file.path == "bin/upvest-webhooks") {
            return Err(Error::not_found(format!(
                "{} has no bin/upvest-webhooks",
                path.display()
            )));
        }
        let archive = archives::tar_gz(&format!("upvest-webhooks-{version}-{target}"), &files, effort)?;
        put(dist, &format!("cli/upvest-webhooks-{target}.tar.gz"), &archive)?;
    }
    Ok(())
}

/// Writes what the release is made of, the checksums, and the archive of it all where it is to have one.
fn finish(parts: &Parts, version: &str, commit: Option<String>, effort: Effort) -> Result<Release> {
    let dist = &parts.dist;
    let mut files = BTreeMap::new();
    for path in files_below(dist)?.into_iter().filter(|path| path != RELEASE_FILE) {
        let content = read(&dist.join(&path))?;
        files.insert(path, checksum(&content));
    }
    let mut architectures: Vec<String> = parts.functions.iter().map(|(name, _)| name.clone()).collect();
    architectures.sort();
    let release = Release {
        version: version.to_owned(),
        commit,
        architectures,
        template: TEMPLATE.to_owned(),
        files,
        checksum: String::new(),
    };
    put(dist, RELEASE_FILE, &release.document()?)?;
    let mut sums = release.files.clone();
    // The document cannot have its own checksum.
    sums.insert(RELEASE_FILE.to_owned(), checksum(&release.document()?));
    let sums: String = sums
        .iter()
        .map(|(path, sum)| format!("{sum}  {path}\n"))
        .collect();
    put(dist, CHECKSUMS_FILE, sums.as_bytes())?;
    if !parts.is_fast {
        archive(dist, version, effort)?;
    }
    // As whoever deploys it will read it.
    Release::read(dist)
}

/// Writes the archive of a release beside its folder.
fn archive(dist: &Path, version: &str, effort: Effort) -> Result<()> {
    let mut files = Vec::new();
    for path in files_below(dist)? {
        files.push(Entry {
            content: read(&dist.join(&path))?,
            is_program: false,
            path,
        });
    }
    let archive = archives::tar_gz(&format!("upvest-webhooks-{version}"), &files, effort)?;
    let beside = beside(dist);
    fs::write(&beside, archive).map_err(Error::context(format!("cannot write {}", beside.display())))
}

/// Names the archive of a release: that of `dist` is `dist.tar.gz`.
fn beside(dist: &Path) -> PathBuf {
    dist.with_file_name(format!("{}.tar.gz", name(dist)))
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Copies a folder with all that is in it into a folder of the release.
fn copy(from: &Path, dist: &Path, to: &str) -> Result<()> {
    for path in files_below(from)? {
        put(dist, &format!("{to}/{path}"), &read(&from.join(&path))?)?;
    }
    Ok(())
}

fn put(dist: &Path, path: &str, content: &[u8]) -> Result<()> {
    let to = dist.join(path);
    let folder = to.parent().expect("a file of a release is in a folder");
    fs::create_dir_all(folder).map_err(Error::context(format!("cannot create {}", folder.display())))?;
    fs::write(&to, content).map_err(Error::context(format!("cannot write {}", to.display())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::context(format!("cannot read {}", path.display())))
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::context(format!("cannot read {}", path.display())))
}

/// Lists the files below a folder by their paths in it, with slashes, in order.
fn files_below(folder: &Path) -> Result<Vec<String>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for path in entries(&next)? {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder).expect("it is below the folder");
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            files.push(parts.join("/"));
        }
    }
    files.sort();
    Ok(files)
}

/// Lists what is in a folder, in order.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut paths = listed.map_err(Error::context(format!("cannot list {}", folder.display())))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_that_of_the_version_or_of_a_release_of_ones_own() {
        for tag in [None, Some("v0.2.0"), Some("v0.2.0-acme.1")] {
            check_tag(tag, "0.2.0").unwrap();
        }
        for tag in ["0.2.0", "v0.2.1", "v0.2.01", "v0.1.0", "v0.2.0acme"] {
            assert_eq!(
                check_tag(Some(tag), "0.2.0").unwrap_err().kind(),
                operator::ErrorKind::Usage,
                "{tag}"
            );
        }
    }

    #[test]
    fn a_folder_of_something_else_is_not_emptied() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        put(folder, "letters/to-the-bank.txt", b"dear").unwrap();
        assert_eq!(clear(folder).unwrap_err().kind(), operator::ErrorKind::Usage);
        assert!(folder.join("letters/to-the-bank.txt").exists());
    }

    #[test]
    fn nothing_of_an_earlier_release_is_left_beside_one_that_may_fail() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let dist = folder.join("dist");
        put(&dist, RELEASE_FILE, b"{}").unwrap();
        put(&dist, "functions/arm64/removed.zip", b"of then").unwrap();
        put(folder, "dist.tar.gz", b"of then").unwrap();
        clear(&dist).unwrap();
        assert_eq!(files_below(folder).unwrap(), ["dist/release.json"]);
    }

    #[test]
    fn the_archive_lies_beside_the_folder() {
        assert_eq!(beside(Path::new("dist")), Path::new("dist.tar.gz"));
        assert_eq!(
            beside(Path::new("/builds/v0.2.0")),
            Path::new("/builds/v0.2.0.tar.gz")
        );
    }
}
