//! Having a running stack follow the sources: what changed is built, and its functions get the new code.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use crate::functions::{Functions, package};
use crate::sources::{self, Sources};
use crate::{LocalStackError, joined, tools};

/// Says how often the files are looked at. A look takes a few milliseconds.
const INTERVAL: Duration = Duration::from_millis(300);

/// Follows the files that the functions of a stack are built from.
#[derive(Debug)]
pub struct Watch {
    repository: PathBuf,
    functions: Functions,
    /// Holds the files as they were built last.
    sources: Sources,
    /// Names the functions whose last build failed: whatever changes next, they are built again.
    unbuilt: BTreeSet<String>,
}

/// Says that files changed which functions are built from.
#[derive(Debug)]
pub struct Changed {
    /// Names the functions by their binaries, in order.
    pub functions: BTreeSet<String>,
    since: Instant,
}

impl Watch {
    /// Follows the sources since they were as in `sources`.
    pub(crate) fn new(repository: PathBuf, functions: Functions, sources: Sources) -> Self {
        Self {
            repository,
            functions,
            sources,
            unbuilt: BTreeSet::new(),
        }
    }

    /// Waits until a file changes that a function is built from.
    pub async fn change(&mut self) -> Changed {
        loop {
            let mut sources = sources::look(&self.repository);
            let since = Instant::now();
            if sources == self.sources {
                sleep(INTERVAL).await;
                continue;
            }
            // An editor saves several files one after another, and a checkout hundreds: they are built once.
            loop {
                sleep(INTERVAL).await;
                let later = sources::look(&self.repository);
                if later == sources {
                    break;
                }
                sources = later;
            }
            let files = sources::changed(&self.sources, &sources);
            self.sources = sources;
            let mut functions = sources::affected(&self.repository, self.functions.binaries(), &files);
            functions.extend(self.unbuilt.iter().cloned());
            if !functions.is_empty() {
                return Changed { functions, since };
            }
        }
    }

    /// Builds functions that changed, and has the stack run them. Tells how long that took, from when the change was seen.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::Build`] when they do not compile; then the functions are as before, and the next change builds
    /// them again. Others when one does not start, or the emulator does not take it.
    pub async fn renew(&mut self, changed: &Changed) -> Result<Duration, LocalStackError> {
        match self.build_and_replace(&changed.functions).await {
            Ok(()) => {
                self.unbuilt.clear();
                Ok(changed.since.elapsed())
            }
            Err(error) => {
                self.unbuilt.extend(changed.functions.iter().cloned());
                Err(error)
            }
        }
    }

    async fn build_and_replace(&self, functions: &BTreeSet<String>) -> Result<(), LocalStackError> {
        let (repository, binaries) = (self.repository.clone(), functions.clone());
        let built = spawn_blocking(move || {
            let targets = binaries.iter().flat_map(|name| ["--bin", name.as_str()]);
            let targets: Vec<&str> = targets.collect();
            tools::build(&repository, &targets, true)
        });
        joined(built.await)?;
        for function in functions {
            let (repository, binary) = (self.repository.clone(), function.clone());
            let package = joined(spawn_blocking(move || package(&repository, &binary)).await)?;
            self.functions.replace(function, package).await?;
            // At once, so that code that does not start is told now and not by the next event.
            self.functions.start(function).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_build_leaves_the_function_alone_and_is_built_again_with_the_next_change() {
        let repository = tempfile::tempdir().unwrap();
        let actions = repository.path().join("functions/processors/src/actions");
        fs::create_dir_all(&actions).unwrap();
        let names = BTreeMap::from([("orders".to_owned(), "nowhere".to_owned())]);
        // Nothing answers there, so that whoever called a function would say so.
        let functions = Functions::new(&crate::sdk_config("http://127.0.0.1:9").await, names);
        let before = sources::look(repository.path());
        let mut watch = Watch::new(repository.path().to_owned(), functions, before);

        fs::write(actions.join("orders.rs"), "fn actions(").unwrap();
        let changed = watch.change().await;
        assert_eq!(changed.functions, BTreeSet::from(["orders".to_owned()]));
        // There is no workspace, which is as good as one that does not compile.
        let failed = watch.renew(&changed).await;
        assert!(matches!(failed, Err(LocalStackError::Build { .. })), "{failed:?}");

        fs::write(actions.join("notes.txt"), "of nobody").unwrap();
        assert_eq!(watch.change().await.functions, changed.functions);
    }
}
