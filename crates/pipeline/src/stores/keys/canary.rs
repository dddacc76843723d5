//! The canary's own key, which signs synthetic events and nothing else. It is no row of the keys table: who may write rows
//! could else have it prove more.

use upvest::signature::Dialect;

/// Says what the key's id begins with. No row of the table has such an id for those who verify.
const PREFIX: &str = "canary-";
/// Names the dialect in which the canary signs: Upvest's own, so that the canary takes the way of Upvest's deliveries.
pub const CANARY_DIALECT: Dialect = Dialect::UnquotedDigest;

/// Names the canary's key in the secret with this ARN: another id for each secret, so that what was signed by an earlier one
/// can be told. It is made of the six characters with which Secrets Manager ends every ARN.
#[must_use]
pub fn canary_key_id(secret_arn: &str) -> String {
    let suffix = secret_arn.rsplit(['-', ':', '/']).next().unwrap_or(secret_arn);
    format!("{PREFIX}{suffix}")
}

/// Tells whether a key id is one of a canary's.
pub(super) fn is_canarys(key_id: &str) -> bool {
    key_id.starts_with(PREFIX)
}

/// Says where the canary's key is.
#[derive(Debug)]
pub(super) enum CanarysKey {
    /// The key is known to the stack's verify-and-store alone.
    Elsewhere,
    /// The key is in the secret with this ARN; `None` where no canary runs.
    Here(Option<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_has_a_key_id_of_its_own() {
        let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:CanarySecret-Rf2yXq7vB1Zt-AbCdEf";
        assert_eq!(canary_key_id(arn), "canary-AbCdEf");
        assert!(is_canarys(&canary_key_id(arn)) && !is_canarys("smoke"));
    }
}
