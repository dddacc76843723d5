//! Making the key that verifies out of what the table, or the canary's secret, has.

use upvest::signature::{Algorithm, VerifyingKey};

use super::super::KeyRow;
use super::super::canary::{CANARY_DIALECT, CanarysKey, canary_key_id};
use super::super::developer::is_developers;
use super::super::row::Limit;
use super::super::validity::RETIRED_KEYS_PROVE_FOR;
use super::{Keys, KeysError};
use crate::runtime::metrics;

impl Keys {
    /// Tells whether a row can prove anything here: not a public key that is not on the list, where there is one. One under a developer's id can where made-up events are taken, and only as
    /// the shared secret of a developer: a public key there would be taken for Upvest's.
    pub(super) fn may_prove(&self, row: &KeyRow) -> bool {
        let is_secret = row.has_algorithm(Algorithm::HmacSha256);
        match is_developers(&row.key_id) {
            true => self.takes_made_up_events && is_secret,
            false => is_secret || self.pinned.allow_row(row),
        }
    }

    /// Makes the canary's key; `None` when the id is not that of its secret.
    pub(super) async fn canarys(&self, key_id: &str) -> Result<Option<VerifyingKey>, KeysError> {
        let CanarysKey::Here(arn) = &self.canary else {
            return Err(KeysError::Canary {
                key_id: key_id.to_owned(),
            });
        };
        let Some(arn) = arn.as_ref().filter(|arn| canary_key_id(arn) == key_id) else {
            return Ok(None);
        };
        let key = self.hmac(key_id, arn).await?;
        Ok(Some(key.preferring(CANARY_DIALECT).only_synthetic()))
    }

    /// Makes the key of a secret.
    async fn hmac(&self, key_id: &str, arn: &str) -> Result<VerifyingKey, KeysError> {
        let unusable = || KeysError::Unusable {
            key_id: key_id.to_owned(),
            attribute: "secret",
        };
        let secret = self.secrets.read(arn).await;
        let secret = secret.map_err(|source| KeysError::Secret {
            key_id: key_id.to_owned(),
            source,
        })?;
        VerifyingKey::hmac(key_id, secret.ok_or_else(unusable)?).map_err(|_| unusable())
    }

    /// Makes the key of a row, which may be one that somebody else wrote.
    pub(super) async fn read(&self, row: &KeyRow) -> Result<VerifyingKey, KeysError> {
        let unusable = |attribute| KeysError::Unusable {
            key_id: row.key_id.clone(),
            attribute,
        };
        // The age tells that fetches fail. No fetch sees a key that was imported.
        if row.is_fetched()
            && let Some(seen) = row.last_seen_at()
        {
            metrics::key_age(self.clock.now().duration_since(seen));
        }
        let algorithm = row.parsed_algorithm().map_err(unusable)?;
        let key = if algorithm == Algorithm::HmacSha256 {
            let arn = row.secret.as_deref().ok_or_else(|| unusable("secret"))?;
            let key = self.hmac(&row.key_id, arn).await?;
            match is_developers(&row.key_id) {
                true => key.only_made_up(),
                false => key,
            }
        } else {
            let jwk = row.parsed_jwk().map_err(unusable)?;
            let key = VerifyingKey::from_jwk(&jwk).map_err(|_| unusable("jwk"))?;
            if key.algorithm() != algorithm {
                return Err(unusable("algorithm"));
            }
            key
        };
        let key = match row.known_dialects().first() {
            Some(dialect) => key.preferring(*dialect),
            None => key,
        };
        let validity = row.validity().map_err(unusable)?;
        let key = match validity.retired_at {
            Some(at) => key.retired(at + RETIRED_KEYS_PROVE_FOR),
            None => key,
        };
        let key = match validity.distrusted_at {
            Some(at) => key.distrusted(at),
            None => key,
        };
        Ok(match row.limit().map_err(unusable)? {
            Limit::None => key,
            Limit::SyntheticEvents => key.only_synthetic(),
        })
    }
}
