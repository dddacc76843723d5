//! How other programs reach a stack: the file `stack.json` in its folder.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::LocalStackError;

/// Tells how to reach a stack: the content of `stack.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Connection {
    /// Gives the URL that answers calls of AWS's API.
    pub endpoint_url: String,
    /// Gives the region that the emulator plays.
    pub region: String,
    /// Gives the id of the emulator's root credentials.
    pub access_key_id: String,
    /// Gives the secret of the emulator's root credentials.
    pub secret_access_key: String,
    /// Lists the outputs of the deployed stack, by name.
    pub outputs: BTreeMap<String, String>,
}

impl Connection {
    /// Writes the connection into a file.
    ///
    /// # Errors
    ///
    /// [`LocalStackError::File`] when that cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), LocalStackError> {
        let text = serde_json::to_string_pretty(self).map_err(LocalStackError::Describe)?;
        std::fs::write(path, text + "\n").map_err(|source| LocalStackError::file("write", path, source))
    }
}
