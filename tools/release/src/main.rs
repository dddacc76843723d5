//! `make release` calls it after everything is built: puts the parts of a release together.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use operator::{Error, Result};
use pipeline::error::ErrorChain;
use release::Parts;

/// Names the repository's root, two folders above the package.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Puts a release together from what was built.
#[derive(Debug, Parser)]
#[command(name = "release", version)]
struct Arguments {
    /// Folder of the release; an earlier release in it is replaced.
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    dist: PathBuf,
    /// Functions of an architecture: a folder with BINARY/bootstrap or BINARY for each.
    #[arg(long, value_name = "ARCHITECTURE=FOLDER", required = true, value_parser = functions)]
    functions: Vec<(String, PathBuf)>,
    /// Command lines: a folder with a folder for each target, as make install fills it.
    #[arg(long, value_name = "FOLDER")]
    cli: Option<PathBuf>,
    /// Bills of materials: a folder with a folder for each architecture.
    #[arg(long, value_name = "FOLDER")]
    sbom: Option<PathBuf>,
    /// Tag that is released: refused when it is not that of the version.
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Writes what the changelog says of the version to a file.
    #[arg(long, value_name = "FILE")]
    notes: Option<PathBuf>,
    /// For this machine alone: compresses little, makes no archive, asks no changelog, takes binaries of the development build.
    #[arg(long)]
    fast: bool,
    /// Takes a version that the changelog has no section of yet.
    #[arg(long)]
    unreleased: bool,
}

fn functions(argument: &str) -> Result<(String, PathBuf), String> {
    let (architecture, folder) = argument
        .split_once('=')
        .ok_or("an architecture, =, and a folder")?;
    Ok((architecture.to_owned(), folder.into()))
}

fn main() -> ExitCode {
    // Without a place to write to, the exit code has to do.
    match run(Arguments::parse()) {
        Ok(told) => {
            let _ = write!(io::stdout(), "{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "no release was made: {}", ErrorChain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<String> {
    let repository = Path::new(ROOT).canonicalize()?;
    if let Some(notes) = &arguments.notes {
        let changelog = std::fs::read_to_string(repository.join("CHANGELOG.md"))?;
        let text = release::section(&changelog, env!("CARGO_PKG_VERSION"))?;
        std::fs::write(notes, text).map_err(Error::context(format!("cannot write {}", notes.display())))?;
    }
    let parts = Parts {
        commit: commit(&repository),
        repository,
        dist: arguments.dist,
        functions: arguments.functions,
        cli: arguments.cli,
        sbom: arguments.sbom,
        tag: arguments.tag,
        is_fast: arguments.fast,
        is_unreleased: arguments.unreleased,
    };
    let release = release::package(&parts)?;
    Ok(format!(
        "{}: version {}, for {}, {} files; its place in a bucket is {}\n",
        parts.dist.display(),
        release.version,
        release.architectures.join(" and "),
        release.files.len(),
        release.prefix()
    ))
}

/// Lists what a release is built of, where a file that is not committed counts as a change, as in `tools/note-build.sh`. Elsewhere lies
/// what has nothing to do with it.
const SOURCES: [&str; 5] = [".cargo", "crates", "functions", "infra", "tools"];

/// Names the commit that the repository is at, if it is a clean one of git's.
fn commit(repository: &Path) -> Option<String> {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(repository)
            .output()
            .ok()?;
        let printed = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| printed.trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let added = [
        &["status", "--porcelain", "--untracked-files=all", "--"][..],
        &SOURCES,
    ]
    .concat();
    let is_clean = changed.is_empty() && git(&added)?.is_empty();
    git(&["rev-parse", "HEAD"]).filter(|_| is_clean)
}
