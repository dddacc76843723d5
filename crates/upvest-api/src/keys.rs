//! The keys with which deliveries are verified.

use serde::Deserialize;
use serde_json::Value;
use upvest::signature::{Jwk, KeyError, VerifyingKey};

use crate::client::Client;
use crate::error::{Error, clean};
use crate::scope::Scope;

/// Holds Upvest's verification keys, those that can be used and those that cannot.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyKeys {
    /// Lists the valid keys, each with an id, in Upvest's order.
    pub usable: Vec<Jwk>,
    /// Lists the rest: one bad entry does not cost the others.
    pub unusable: Vec<UnusableKeyError>,
}

/// Names an entry of Upvest's key set that is no usable key.
#[derive(Debug, thiserror::Error)]
#[error("entry {index} of the verification keys (kid {}) cannot be used", key_id.as_deref().unwrap_or("missing"))]
#[non_exhaustive]
pub struct UnusableKeyError {
    /// Numbers the entry in the set, from 0.
    pub index: usize,
    /// Gives the entry's `kid`, if it has one, made fit to be shown.
    pub key_id: Option<String>,
    /// Tells what keeps it from being used.
    #[source]
    pub defect: KeyDefectError,
}

/// Says what is wrong with an entry of a key set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyDefectError {
    /// A member is missing or malformed, the key type is not supported, or the point is not on its curve.
    #[error("it is no public key on P-521 or Ed25519")]
    Malformed(#[source] serde_json::Error),
    /// It has no `kid` that a delivery could name.
    #[error("it has no usable kid")]
    KeyId(#[source] KeyError),
    /// Another key before it has the same id.
    #[error("another key has the same kid")]
    Duplicate,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Client {
    /// Fetches the keys with which Upvest signs deliveries: `GET /auth/verify_keys`.
    ///
    /// # Errors
    /// [`Error`] when there is no answer, or it is no set of keys. Single bad keys are no error.
    pub async fn verify_keys(&self) -> Result<VerifyKeys, Error> {
        let call = self.call("GET", &["auth", "verify_keys"], Scope::WebhooksRead);
        let set: KeySet = self.json(&call).await?;
        Ok(sort(set.keys))
    }
}

fn sort(entries: Vec<Value>) -> VerifyKeys {
    let mut keys = VerifyKeys {
        usable: Vec::new(),
        unusable: Vec::new(),
    };
    for (index, entry) in entries.into_iter().enumerate() {
        let key_id = entry.get("kid").and_then(Value::as_str).map(|id| clean(id, &[]));
        match usable(entry, &keys.usable) {
            Ok(jwk) => keys.usable.push(jwk),
            Err(defect) => keys.unusable.push(UnusableKeyError {
                index,
                key_id,
                defect,
            }),
        }
    }
    keys
}

fn usable(entry: Value, others: &[Jwk]) -> Result<Jwk, KeyDefectError> {
    let jwk: Jwk = serde_json::from_value(entry).map_err(KeyDefectError::Malformed)?;
    // For its check of the id alone; what the caller gets is the JWK, which tables can hold.
    VerifyingKey::from_jwk(&jwk).map_err(KeyDefectError::KeyId)?;
    if others.iter().any(|other| other.key_id() == jwk.key_id()) {
        return Err(KeyDefectError::Duplicate);
    }
    Ok(jwk)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn documented() -> Value {
        json!({"kid": "9ed77463-c18e-4794-ab5c-17423f9b801a", "kty": "EC", "crv": "P-521",
               "x": "AcYAf5Ou0UvtehpeRvyhnvvrUQvjI4B3VCxfSmxK4gqKJGxO_jTB-nTdrHbBfmZpwmwYR86DppMg43E579K5MQ54",
               "y": "ALkrId77iD0Ye2vBS5bTkLqPH-bo8urTpTXiNc6Ub-VOFbXfJrR0tQ8COvVXXu58BTu8jWV-1mtbjfJpDl3ISbcK"})
    }

    #[test]
    fn one_bad_key_does_not_cost_the_others() {
        let mut without_y = documented();
        without_y["kid"] = json!("no-y");
        without_y.as_object_mut().unwrap().remove("y");
        let mut without_id = documented();
        without_id.as_object_mut().unwrap().remove("kid");
        let mut with_more = documented();
        with_more["kid"] = json!("with-more");
        with_more["not_after"] = json!("2030-01-01");
        let rsa = json!({"kid": "rsa", "kty": "RSA", "crv": "", "n": "AQAB"});
        let keys = sort(vec![
            without_y,
            documented(),
            rsa,
            json!(7),
            without_id,
            documented(),
            with_more,
        ]);
        let usable: Vec<_> = keys.usable.iter().filter_map(Jwk::key_id).collect();
        assert_eq!(usable, ["9ed77463-c18e-4794-ab5c-17423f9b801a", "with-more"]);
        let unusable: Vec<_> = keys
            .unusable
            .iter()
            .map(|key| (key.index, key.key_id.as_deref()))
            .collect();
        assert_eq!(
            unusable,
            [
                (0, Some("no-y")),
                (2, Some("rsa")),
                (3, None),
                (4, None),
                (5, Some("9ed77463-c18e-4794-ab5c-17423f9b801a"))
            ]
        );
        assert!(matches!(keys.unusable[3].defect, KeyDefectError::KeyId(_)));
        assert!(matches!(keys.unusable[4].defect, KeyDefectError::Duplicate));
        assert!(keys.unusable[0].to_string().contains("no-y"));
    }
}
