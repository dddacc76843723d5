//! The canary's key: a secret of the stack, made known to the receiver by the canary itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::error::AwsError;
use pipeline::runtime::clock::Clock;
use pipeline::stores::keys::{ONLY, ONLY_SYNTHETIC};
use secrecy::SecretSlice;
use upvest::signature::{Algorithm, Profile, SigningKey};

/// What the key's id begins with; the role of the function may write no other key.
const PREFIX: &str = "canary-";
/// The `source` of the key in the keys table.
const SOURCE: &str = "canary";
/// Upvest's own dialect, so that the canary takes the way of Upvest's deliveries.
const PROFILE: Profile = Profile::UpvestV6;

/// The canary's key, in the secret and in the keys table.
#[derive(Debug)]
pub struct CanaryKey {
    secrets: aws_sdk_secretsmanager::Client,
    secret: String,
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    clock: Clock,
}

/// Why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret or the keys table cannot be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The secret is empty, binary or too short.
    #[error("the canary's secret holds no key")]
    Secret(#[source] Option<upvest::signature::KeyError>),
    /// Under the key's id the table has something that is not this key, or not limited to synthetic events.
    #[error(
        "key {key_id} in the keys table is not the canary's, or not limited to synthetic events: delete that item"
    )]
    Changed {
        /// The key's id.
        key_id: String,
    },
}

impl CanaryKey {
    /// The key whose secret has the ARN `secret`, to be registered in the keys table `table`.
    #[must_use]
    pub fn new(
        secrets: aws_sdk_secretsmanager::Client,
        secret: String,
        dynamodb: aws_sdk_dynamodb::Client,
        table: String,
        clock: Clock,
    ) -> Self {
        Self {
            secrets,
            secret,
            dynamodb,
            table,
            clock,
        }
    }

    /// The key, once it is in the keys table.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub(crate) async fn ready(&self) -> Result<SigningKey, KeyError> {
        let key_id = key_id(&self.secret);
        let key = self.read().await?;
        let key = SigningKey::hmac(&key_id, PROFILE, key).map_err(|error| KeyError::Secret(Some(error)))?;
        let expected = [
            ("profile", PROFILE.as_str()),
            ("algorithm", Algorithm::HmacSha256.as_str()),
            ("secret", &self.secret),
            (ONLY, ONLY_SYNTHETIC),
        ];
        match self.find(&key_id).await? {
            None => self.register(&key_id, &expected).await?,
            Some(item) => {
                let is = |(name, value): &(&str, &str)| {
                    item.get(*name) == Some(&AttributeValue::S((*value).to_owned()))
                };
                // Without its limit, whoever gets hold of the key could report anything.
                if !expected.iter().all(is) {
                    return Err(KeyError::Changed { key_id });
                }
            }
        }
        Ok(key)
    }

    async fn read(&self) -> Result<SecretSlice<u8>, KeyError> {
        let value = self
            .secrets
            .get_secret_value()
            .secret_id(&self.secret)
            .send()
            .await;
        let value = value.map_err(AwsError::of("GetSecretValue of the canary's key"))?;
        let text = value.secret_string.ok_or(KeyError::Secret(None))?;
        Ok(SecretSlice::from(text.into_bytes()))
    }

    async fn find(&self, key_id: &str) -> Result<Option<HashMap<String, AttributeValue>>, AwsError> {
        let request = self.dynamodb.get_item().table_name(&self.table);
        let request = request
            .key("key_id", AttributeValue::S(key_id.to_owned()))
            .consistent_read(true);
        let found = request.send().await;
        Ok(found.map_err(AwsError::of("GetItem of the keys table"))?.item)
    }

    async fn register(&self, key_id: &str, expected: &[(&str, &str)]) -> Result<(), AwsError> {
        let now = self.clock.now().to_string();
        let described = [
            ("key_id", key_id),
            ("source", SOURCE),
            ("first_seen", &now),
            ("last_seen", &now),
        ];
        let attributes = described.iter().chain(expected);
        let item =
            attributes.map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())));
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.collect()))
            .condition_expression("attribute_not_exists(key_id)")
            .send()
            .await;
        match put {
            // The next run looks at what somebody else wrote meanwhile.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            put => put.map(drop).map_err(AwsError::of("PutItem to the keys table")),
        }
    }
}

/// The id of the key in a secret: another one for each secret, so that the history of keys stays true. It is made of
/// the six characters with which Secrets Manager ends every ARN.
fn key_id(secret: &str) -> String {
    let suffix = secret.rsplit(['-', ':', '/']).next().unwrap_or(secret);
    format!("{PREFIX}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_has_a_key_id_of_its_own() {
        let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:CanarySecret-Rf2yXq7vB1Zt-AbCdEf";
        assert_eq!(key_id(arn), "canary-AbCdEf");
    }
}
