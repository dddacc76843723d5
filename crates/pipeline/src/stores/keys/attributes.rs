//! The names of a row's attributes, as the keys table has them: for this room, and for whoever looks at a row as it is.

/// Names the table's key: the id that deliveries name as `keyid`.
pub const KEY_ID: &str = "key_id";
/// Names the algorithm that the key signs with.
pub const ALGORITHM: &str = "algorithm";
/// Tells who wrote the row: `upvest` for a fetch, `import` for an operator.
pub const SOURCE: &str = "source";
/// Tells when the row was written (RFC 3339).
pub const FIRST_SEEN: &str = "first_seen";
/// Tells when Upvest served the key last, or an operator imported it again (RFC 3339).
pub const LAST_SEEN: &str = "last_seen";
/// Tells since when Upvest does not serve the key (RFC 3339).
pub const RETIRED_AT: &str = "retired_at";
/// Tells since when an operator does not trust the key (RFC 3339).
pub const DISTRUSTED_AT: &str = "distrusted_at";
/// Tells when the key last proved a delivery (RFC 3339).
pub const LAST_PROVED: &str = "last_proved";
/// Holds the dialects in which the key proved deliveries.
pub const DIALECTS: &str = "dialects";
/// Holds the thumbprints of the keys that had its id before.
pub const EARLIER: &str = "earlier";
/// Holds the public key, as JSON text.
pub const JWK: &str = "jwk";
/// Names the ARN of the secret that holds an HMAC key.
pub const SECRET: &str = "secret";
/// Names the events that the key may sign, where these are not all.
pub const ONLY: &str = "only";
