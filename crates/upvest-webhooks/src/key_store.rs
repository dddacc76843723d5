//! Writing and listing keys: the keys table, and the secrets that it refers to.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_secretsmanager::primitives::Blob;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use secrecy::{ExposeSecret, SecretSlice};
use subtle::ConstantTimeEq;
use upvest::signature::{Algorithm, Jwk, Profile};

/// An item of the keys table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The keys of a stack.
#[derive(Debug)]
pub(crate) struct KeyStore {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) table: String,
    pub(crate) clock: Clock,
}

/// A key to be trusted.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// The id that deliveries name.
    pub(crate) key_id: String,
    /// How its owner signs.
    pub(crate) profile: Profile,
    /// What verifies.
    pub(crate) material: Material,
}

/// What verifies.
#[derive(Debug)]
pub(crate) enum Material {
    /// A public key.
    Public(Jwk),
    /// A shared secret, and the name of the secret to keep it in.
    Shared {
        secret: SecretSlice<u8>,
        secret_name: String,
    },
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imported {
    /// The key was not there.
    New,
    /// It was there; the time when it was last seen was brought up to date.
    Known,
    /// Another key was there under its id.
    Replaced,
}

/// Why a key was not imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("another key is known as {key_id}: use --replace if this one shall take its place")]
    OtherKey { key_id: String },
    #[error("key {key_id} was written by somebody else at the same time: try again")]
    Raced { key_id: String },
    #[error("the key cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl NewKey {
    pub(crate) fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Public(jwk) => jwk.algorithm(),
            Material::Shared { .. } => Algorithm::HmacSha256,
        }
    }
}

/// The name of the secret that holds an HMAC key. The functions may read secrets under the stack's prefix alone.
///
/// What a secret's name cannot contain is written as `=` and two hexadecimal digits.
pub(crate) fn secret_name(stack: &str, key_id: &str) -> String {
    let mut name = format!("upvest-webhooks/{stack}/hmac/");
    for byte in key_id.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'/' | b'_' | b'+' | b'.' | b'@' | b'-' => {
                name.push(char::from(byte));
            }
            _ => name.push_str(&format!("={byte:02X}")),
        }
    }
    name
}

impl KeyStore {
    /// Makes a key known, or notes that it was seen again.
    ///
    /// # Errors
    ///
    /// [`StoreError::OtherKey`] when its id belongs to another key, unless `replace`.
    pub(crate) async fn import(&self, key: &NewKey, replace: bool) -> Result<Imported, StoreError> {
        let known = self.find(&key.key_id).await?;
        if let Some(item) = &known {
            if self.is_same(item, key).await? {
                self.note_seen(&key.key_id).await?;
                return Ok(Imported::Known);
            }
            if !replace {
                return Err(StoreError::OtherKey {
                    key_id: key.key_id.clone(),
                });
            }
        }
        let request = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.item(key).await?));
        if known.is_some() {
            request
                .send()
                .await
                .map_err(AwsError::of("PutItem to the keys table"))?;
            return Ok(Imported::Replaced);
        }
        let put = request
            .condition_expression("attribute_not_exists(key_id)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(Imported::New),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Err(StoreError::Raced {
                    key_id: key.key_id.clone(),
                })
            }
            Err(error) => Err(AwsError::of("PutItem to the keys table")(error).into()),
        }
    }

    /// All keys, by id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub(crate) async fn list(&self) -> Result<Vec<Item>, AwsError> {
        let scan = self.dynamodb.scan().table_name(&self.table).consistent_read(true);
        let mut pages = scan.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(AwsError::of("Scan of the keys table"))?);
        }
        items.sort_by(|one, other| text(one, "key_id").cmp(&text(other, "key_id")));
        Ok(items)
    }

    /// The key of this id.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read.
    pub(crate) async fn find(&self, key_id: &str) -> Result<Option<Item>, AwsError> {
        let request = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let answer = request
            .key("key_id", AttributeValue::S(key_id.to_owned()))
            .send()
            .await;
        Ok(answer.map_err(AwsError::of("GetItem of the keys table"))?.item)
    }

    /// Whether the item of the table is this key.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when its secret cannot be read.
    pub(crate) async fn is_same(&self, item: &Item, key: &NewKey) -> Result<bool, AwsError> {
        let has = |name, value: &str| text(item, name) == Some(value);
        if !has("profile", key.profile.as_str()) || !has("algorithm", key.algorithm().as_str()) {
            return Ok(false);
        }
        match &key.material {
            Material::Public(jwk) => {
                let stored = text(item, "jwk").and_then(|stored| serde_json::from_str::<Jwk>(stored).ok());
                let stored = stored.map(|stored| stored.with_key_id(&key.key_id));
                Ok(stored.is_some_and(|stored| stored == jwk.clone().with_key_id(&key.key_id)))
            }
            Material::Shared { secret, .. } => {
                let Some(arn) = text(item, "secret") else {
                    return Ok(false);
                };
                let stored = self.secrets.get_secret_value().secret_id(arn).send().await;
                let stored = stored.map_err(AwsError::of("GetSecretValue of an HMAC key"))?;
                let stored = stored.secret_binary.map(Blob::into_inner).unwrap_or_default();
                Ok(stored.ct_eq(secret.expose_secret()).into())
            }
        }
    }

    async fn note_seen(&self, key_id: &str) -> Result<(), AwsError> {
        let request = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("key_id", AttributeValue::S(key_id.to_owned()))
            .update_expression("SET last_seen = :now")
            .expression_attribute_values(":now", AttributeValue::S(self.clock.now().to_string()));
        let updated = request.send().await;
        updated.map_err(AwsError::of("UpdateItem of the keys table"))?;
        Ok(())
    }

    /// The item of a key; a shared secret is put where the item refers to.
    async fn item(&self, key: &NewKey) -> Result<Item, StoreError> {
        let now = self.clock.now().to_string();
        let material = match &key.material {
            Material::Public(jwk) => ("jwk", serde_json::to_string(jwk)?),
            Material::Shared { secret, secret_name } => {
                ("secret", self.keep_secret(secret_name, secret).await?)
            }
        };
        let attributes = [
            ("key_id", key.key_id.clone()),
            ("profile", key.profile.to_string()),
            ("algorithm", key.algorithm().to_string()),
            ("source", "import".to_owned()),
            ("first_seen", now.clone()),
            ("last_seen", now),
            material,
        ];
        let item = attributes.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        Ok(item.into())
    }

    /// Keeps a secret under a name, in place of the one that has it, and returns its ARN.
    async fn keep_secret(&self, name: &str, secret: &SecretSlice<u8>) -> Result<String, AwsError> {
        const CALL: &str = "CreateSecret for an HMAC key";
        let value = Blob::new(secret.expose_secret());
        let request = self
            .secrets
            .create_secret()
            .name(name)
            .description("HMAC key of the Upvest webhook receiver")
            .secret_binary(value.clone());
        let arn = match request.send().await {
            Ok(created) => created.arn,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_exists_exception()) =>
            {
                let put = self
                    .secrets
                    .put_secret_value()
                    .secret_id(name)
                    .secret_binary(value);
                let put = put.send().await;
                put.map_err(AwsError::of("PutSecretValue of an HMAC key"))?.arn
            }
            Err(error) => return Err(AwsError::of(CALL)(error)),
        };
        arn.ok_or_else(|| AwsError::entries(CALL, "the answer has no ARN"))
    }
}

/// A text attribute.
pub(crate) fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_so_that_the_functions_may_read_it() {
        let name = |key_id| secret_name("webhooks-live", key_id);
        assert_eq!(
            name("9ed77463-c18e-4794-ab5c-17423f9b801a"),
            "upvest-webhooks/webhooks-live/hmac/9ed77463-c18e-4794-ab5c-17423f9b801a"
        );
        assert_eq!(
            name("smoke test=1"),
            "upvest-webhooks/webhooks-live/hmac/smoke=20test=3D1"
        );
    }
}
