//! The canary's own key in the keys table: it signs synthetic events and nothing else.

use upvest::signature::Dialect;

use super::{KeyRow, KeysTable};
use crate::error::AwsError;

/// Says what the key's id begins with; the role of the function may write no other key.
const PREFIX: &str = "canary-";
/// Names the dialect in which the canary signs: Upvest's own, so that the canary takes the way of Upvest's deliveries.
pub const CANARY_DIALECT: Dialect = Dialect::UnquotedDigest;

/// Names the canary's key in the secret with this ARN: another id for each secret, so that the history of keys stays
/// true. It is made of the six characters with which Secrets Manager ends every ARN.
#[must_use]
pub fn canary_key_id(secret_arn: &str) -> String {
    let suffix = secret_arn.rsplit(['-', ':', '/']).next().unwrap_or(secret_arn);
    format!("{PREFIX}{suffix}")
}

impl KeysTable {
    /// Makes the canary's key known, whose secret has this ARN, unless it is. `false` when the table has something else
    /// under its id: another key, or this one without its limit, with which whoever gets hold of it could report anything.
    ///
    /// # Errors
    ///
    /// [`AwsError`] when the table cannot be read or written.
    pub async fn register_canary(&self, secret_arn: &str) -> Result<bool, AwsError> {
        let key_id = canary_key_id(secret_arn);
        let own = KeyRow::canary(&key_id, secret_arn, self.clock.now());
        let Some(known) = self.row(&key_id).await? else {
            // What somebody else wrote meanwhile is looked at by the next run.
            self.add(&own).await?;
            return Ok(true);
        };
        Ok(known.algorithm == own.algorithm && (&known.secret, &known.only) == (&own.secret, &own.only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_has_a_key_id_of_its_own() {
        let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:CanarySecret-Rf2yXq7vB1Zt-AbCdEf";
        assert_eq!(canary_key_id(arn), "canary-AbCdEf");
    }
}
