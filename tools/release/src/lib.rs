//! Puts a release together from what was built: functions, bills of materials, the command line, and the template by which
//! CloudFormation finds them in a bucket.
//!
//! It compiles nothing and asks nobody; `make release` builds first, and calls it. The same parts make the same bytes, on
//! every machine: no time of the day, no order of a folder and no library of the machine's has a say. What a release is made
//! of is told by [`operator::release::Release`], which `deploy` reads.

mod archives;
mod built;
mod changelog;
mod dist;
mod functions;
mod template;

use std::path::PathBuf;

pub use changelog::section;
pub use dist::package;
pub use functions::binaries;
pub use template::{PackagedTemplate, packaged};

/// Gives the instruction set of this machine, as the template's parameter has it.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "x86_64"
};

/// Names what a release is put together from, and where.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Gives the folder of the repository, for the template, the changelog and what lies beside them.
    pub repository: PathBuf,
    /// Gives the folder of the release. What an earlier one left there is removed.
    pub dist: PathBuf,
    /// Lists values of the parameter `Architecture`, each with the folder of its binaries: `BINARY/bootstrap`, or `BINARY`.
    pub functions: Vec<(String, PathBuf)>,
    /// Gives the folder that has one for each target triple, in which `make install` put the command line.
    pub cli: Option<PathBuf>,
    /// Gives the folder that has one of bills of materials for each value of `Architecture`.
    pub sbom: Option<PathBuf>,
    /// Names the commit that the repository is at, where there is one and nothing is changed.
    pub commit: Option<String>,
    /// Names the tag that the release is made from, where there is one; it has to name the version.
    pub tag: Option<String>,
    /// Makes what this machine alone is to have, and soon: compresses little, writes no archive of the folder, asks no changelog
    /// for the version, and takes binaries that name the folder they were built in, as those of the development build do.
    pub is_fast: bool,
    /// Takes a version that the changelog has no section of yet.
    pub is_unreleased: bool,
}

impl Parts {
    /// Names the parts of a release for this machine alone: the functions in a folder, and nothing else that is built.
    #[must_use]
    pub fn for_this_machine(functions: PathBuf, repository: PathBuf, dist: PathBuf) -> Self {
        Self {
            repository,
            dist,
            functions: vec![(ARCHITECTURE.to_owned(), functions)],
            cli: None,
            sbom: None,
            commit: None,
            tag: None,
            is_fast: true,
            is_unreleased: true,
        }
    }
}
