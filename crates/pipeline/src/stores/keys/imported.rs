//! Imports keys of an operator into the keys table; another key of the same id stays unless told otherwise.

use secrecy::{ExposeSecret, SecretSlice};
use subtle::ConstantTimeEq;
use upvest::signature::{Algorithm, Jwk};

use super::{HmacSecrets, KeyRow, KeysTable, UPDATE, is_reserved};
use crate::error::AwsError;

/// Describes a key that an operator wants to be trusted.
#[derive(Debug)]
pub struct NewKey {
    /// Gives the id that deliveries name as `keyid`.
    pub key_id: String,
    /// Holds what verifies signatures by this key.
    pub material: Material,
}

/// Holds what verifies a signature: half of a pair of keys, or a secret that both sides know.
#[derive(Debug)]
pub enum Material {
    /// The key is public, and stands in the table itself.
    Public(Jwk),
    /// The key is a shared secret (HMAC): it is kept in Secrets Manager, and the table names its ARN.
    Shared {
        /// Holds the bytes of the secret, which no debug output shows.
        secret: SecretSlice<u8>,
        /// Gives the name under which Secrets Manager is to keep it: see [`secret_name`](super::secret_name).
        secret_name: String,
    },
}

/// Tells what an import did, for the operator's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The table had no key of this id, and has this one.
    New,
    /// The key was there; the time when it was last seen was brought up to date.
    Known,
    /// Another key was there under its id.
    Replaced,
}

/// Says why a key was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The table or the secret could not be read or written.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The key's id belongs to another key.
    #[error("another key is known as {key_id}: use --replace if this one shall take its place")]
    OtherKey {
        /// Gives the id that is taken.
        key_id: String,
    },
    /// The id has the character that sets the ids of earlier keys apart.
    #[error("the id {key_id} has a `!`, which marks keys that were changed: no delivery is verified by it")]
    Reserved {
        /// Gives the id that has the character.
        key_id: String,
    },
    /// Somebody else wrote a key of this id between the read and the write.
    #[error("key {key_id} was written by somebody else at the same time: try again")]
    Raced {
        /// Gives the id under which both wrote.
        key_id: String,
    },
}

impl NewKey {
    /// Names the algorithm of its signatures.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Public(jwk) => jwk.algorithm(),
            Material::Shared { .. } => Algorithm::HmacSha256,
        }
    }

    /// Names the public key itself, whatever its id, by its [thumbprint](Jwk::thumbprint); `None` for a secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        match &self.material {
            Material::Public(jwk) => Some(jwk.thumbprint()),
            Material::Shared { .. } => None,
        }
    }
}

impl KeysTable {
    /// Makes a key known, or notes that it was seen again. With `replace` it takes the place of another key of its id, of which a
    /// public one keeps proving what it signed before.
    ///
    /// # Errors
    ///
    /// [`ImportError::OtherKey`] when its id belongs to another key, unless `replace`; [`ImportError::Reserved`],
    /// [`ImportError::Raced`], [`ImportError::Aws`].
    pub async fn import(
        &self,
        key: &NewKey,
        secrets: &HmacSecrets,
        replace: bool,
    ) -> Result<Imported, ImportError> {
        let key_id = || key.key_id.clone();
        if is_reserved(&key.key_id) {
            return Err(ImportError::Reserved { key_id: key_id() });
        }
        let known = self.row(&key.key_id).await?;
        if let Some(row) = &known {
            // Compared before anything is written: an import that is repeated must not make a new version of the
            // secret.
            if row.is_key(key, secrets).await? {
                self.note_imported_again(&key.key_id).await?;
                return Ok(Imported::Known);
            }
            if !replace {
                return Err(ImportError::OtherKey { key_id: key_id() });
            }
        }
        let row = self.new_row(key, secrets).await?;
        let (result, is_written) = match &known {
            Some(known) => (Imported::Replaced, self.change(known, row).await?),
            None => (Imported::New, self.add(&row).await?),
        };
        match is_written {
            true => Ok(result),
            false => Err(ImportError::Raced { key_id: key_id() }),
        }
    }

    async fn note_imported_again(&self, key_id: &str) -> Result<(), AwsError> {
        self.update_now(key_id, "SET last_seen = :now")
            .send()
            .await
            .map_err(AwsError::of(UPDATE))?;
        Ok(())
    }

    /// Describes a key as the table is to have it. A shared secret is kept first, because its ARN is a part of that.
    async fn new_row(&self, key: &NewKey, secrets: &HmacSecrets) -> Result<KeyRow, AwsError> {
        let (key_id, now) = (&key.key_id, self.clock.now());
        Ok(match &key.material {
            Material::Public(jwk) => KeyRow::imported_public(key_id, jwk, now),
            Material::Shared { secret, secret_name } => {
                let arn = secrets.keep(secret_name, secret).await?;
                KeyRow::imported_hmac(key_id, arn, now)
            }
        })
    }
}

impl KeyRow {
    /// Tells whether it is this key, with the same material.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when its secret cannot be read.
    pub async fn is_key(&self, key: &NewKey, secrets: &HmacSecrets) -> Result<bool, AwsError> {
        if !self.has_algorithm(key.algorithm()) {
            return Ok(false);
        }
        match (&key.material, &self.secret) {
            (Material::Public(jwk), _) => Ok(self.is_public_key(jwk)),
            (Material::Shared { .. }, None) => Ok(false),
            (Material::Shared { secret, .. }, Some(arn)) => {
                let stored = secrets.read(arn).await?;
                Ok(stored.is_some_and(|stored| stored.expose_secret().ct_eq(secret.expose_secret()).into()))
            }
        }
    }
}
