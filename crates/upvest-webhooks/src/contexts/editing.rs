//! Changes of the file of contexts.

use std::fs;

use operator::{Error, Result};
use toml_edit::{Item, Table, value};

use super::{Context, Contexts};

impl Contexts {
    /// Has a context say this, besides what it says already; makes it where it is not there. Tells whether it is new.
    ///
    /// # Errors
    ///
    /// [`Error`] when the name cannot be one, or the file cannot be written.
    pub(crate) fn set(&mut self, name: &str, given: &Context) -> Result<bool> {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(Error::usage(format!(
                "{name:?} cannot be the name of a context: it may have letters, digits, -, _ and ."
            )));
        }
        let contexts = self.document.entry("contexts").or_insert_with(|| {
            let mut contexts = Table::new();
            // Its own line would say nothing: each context has one.
            contexts.set_implicit(true);
            Item::Table(contexts)
        });
        let contexts = contexts.as_table_like_mut().expect("it was read as a table");
        let is_new = !contexts.contains_key(name);
        let context = contexts.entry(name).or_insert_with(toml_edit::table);
        let context = context.as_table_like_mut().expect("it was read as a table");
        for (setting, text) in given.settings() {
            // In place: inserting would drop the comment before it.
            *context.entry(setting).or_insert(Item::None) = value(text.to_owned());
        }
        self.write()?;
        Ok(is_new)
    }

    /// Makes a context the default one.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not there, or the file cannot be written.
    pub(crate) fn make_default(&mut self, name: &str) -> Result<()> {
        self.get(name)?;
        self.document["default"] = value(name.to_owned());
        self.write()
    }

    /// Takes a context away; one that is the default is that no longer.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not there, or the file cannot be written.
    pub(crate) fn delete(&mut self, name: &str) -> Result<()> {
        self.get(name)?;
        if let Some(contexts) = self
            .document
            .get_mut("contexts")
            .and_then(Item::as_table_like_mut)
        {
            contexts.remove(name);
        }
        if self.default.as_deref() == Some(name) {
            self.document.remove("default");
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Err(Error::usage(
                "nothing says where contexts are kept: set HOME, or UPVEST_WEBHOOKS_CONFIG to the file",
            ));
        };
        let failed = || Error::context(format!("cannot write {}", file.display()));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(failed())?;
        }
        // Beside it first: whatever interrupts this, the file is whole.
        let beside = file.with_extension("toml.new");
        fs::write(&beside, self.document.to_string()).map_err(failed())?;
        fs::rename(&beside, file).map_err(failed())
    }
}
