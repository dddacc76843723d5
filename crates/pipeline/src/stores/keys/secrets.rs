//! The secrets that HMAC keys of the table refer to, in Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::Blob;
use secrecy::{ExposeSecret, SecretSlice};

use crate::error::AwsError;

/// Reads and keeps HMAC keys in Secrets Manager.
#[derive(Debug, Clone)]
pub struct HmacSecrets {
    client: Client,
}

impl HmacSecrets {
    /// Uses this client of Secrets Manager, for reads and for imports.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads the key in the secret with this ARN or name, which may be binary or a text; `None` when it has no value.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the secret cannot be read.
    pub async fn read(&self, arn: &str) -> Result<Option<SecretSlice<u8>>, AwsError> {
        let value = self
            .client
            .get_secret_value()
            .secret_id(arn)
            .send()
            .await
            .map_err(AwsError::of("GetSecretValue of an HMAC key"))?;
        let bytes = match (value.secret_binary, value.secret_string) {
            (Some(binary), _) => Some(binary.into_inner()),
            (None, text) => text.map(String::into_bytes),
        };
        Ok(bytes.map(SecretSlice::from))
    }

    /// Keeps a key under a name, in place of the one that has the name, and returns the secret's ARN.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when it is not known to be kept.
    pub(super) async fn keep(&self, name: &str, key: &SecretSlice<u8>) -> Result<String, AwsError> {
        const CALL: &str = "CreateSecret for an HMAC key";
        let value = Blob::new(key.expose_secret());
        let created = self
            .client
            .create_secret()
            .name(name)
            .description("HMAC key of the Upvest webhook receiver")
            .secret_binary(value.clone())
            .send()
            .await;
        let arn = match created {
            Ok(created) => created.arn,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_exists_exception()) =>
            {
                self.client
                    .put_secret_value()
                    .secret_id(name)
                    .secret_binary(value)
                    .send()
                    .await
                    .map_err(AwsError::of("PutSecretValue of an HMAC key"))?
                    .arn
            }
            Err(error) => return Err(AwsError::of(CALL)(error)),
        };
        arn.ok_or_else(|| AwsError::entries(CALL, "the answer has no ARN"))
    }
}

/// Names the secret that holds an HMAC key. The functions may read secrets under the stack's prefix alone.
///
/// What a secret's name cannot contain is written as `=` and two hexadecimal digits.
#[must_use]
pub fn secret_name(stack: &str, key_id: &str) -> String {
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
