//! The ways in which a delivery may be signed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownNameError;

/// Names a dialect of HTTP message signatures: how names stand in the signature base, and which header has the digest
/// of the body.
///
/// A receiver recognises the dialect of each delivery, and is never told. No text can be taken for another one: a line
/// of a base with quoted names begins with a quote, and no name of a component has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Names without quotes and a `digest` header: what Upvest documents for its webhooks ("v6").
    UnquotedDigest,
    /// Names without quotes and a `content-digest` header: between the two documented ones.
    UnquotedContentDigest,
    /// Names in quotes and a `digest` header: draft 06 as it is written.
    QuotedDigest,
    /// Names in quotes and a `content-digest` header: draft 15 and RFC 9421, Upvest's dialect for requests to its API.
    QuotedContentDigest,
}

/// Tells how the names of components stand in the signature base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Unquoted,
    Quoted,
}

/// Names a header that has the digest of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestHeader {
    /// The body's digest is in `digest` (RFC 3230), as `SHA-256=<base64>`.
    Digest,
    /// The body's digest is in `content-digest` (RFC 9530), as `sha-256=:<base64>:`.
    ContentDigest,
}

impl Dialect {
    /// Lists every dialect, for parsers and tests.
    pub const ALL: [Self; 4] = [
        Self::UnquotedDigest,
        Self::UnquotedContentDigest,
        Self::QuotedDigest,
        Self::QuotedContentDigest,
    ];

    pub(super) const fn new(names: Names, digest: DigestHeader) -> Self {
        match (names, digest) {
            (Names::Unquoted, DigestHeader::Digest) => Self::UnquotedDigest,
            (Names::Unquoted, DigestHeader::ContentDigest) => Self::UnquotedContentDigest,
            (Names::Quoted, DigestHeader::Digest) => Self::QuotedDigest,
            (Names::Quoted, DigestHeader::ContentDigest) => Self::QuotedContentDigest,
        }
    }

    pub(super) const fn names(self) -> Names {
        match self {
            Self::UnquotedDigest | Self::UnquotedContentDigest => Names::Unquoted,
            Self::QuotedDigest | Self::QuotedContentDigest => Names::Quoted,
        }
    }

    pub(super) const fn digest(self) -> DigestHeader {
        match self {
            Self::UnquotedDigest | Self::QuotedDigest => DigestHeader::Digest,
            Self::UnquotedContentDigest | Self::QuotedContentDigest => DigestHeader::ContentDigest,
        }
    }

    /// Returns the name that tables, archived deliveries and the command line use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnquotedDigest => "unquoted-digest",
            Self::UnquotedContentDigest => "unquoted-content-digest",
            Self::QuotedDigest => "quoted-digest",
            Self::QuotedContentDigest => "quoted-content-digest",
        }
    }

    /// Returns the header that has the digest of the body: `digest` or `content-digest`.
    #[must_use]
    pub const fn digest_header(self) -> &'static str {
        self.digest().as_str()
    }
}

impl Names {
    pub(super) const ALL: [Self; 2] = [Self::Unquoted, Self::Quoted];
}

impl DigestHeader {
    pub(super) const ALL: [Self; 2] = [Self::Digest, Self::ContentDigest];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::ContentDigest => "content-digest",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = UnknownNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|dialect| dialect.as_str() == name);
        found.ok_or_else(|| UnknownNameError {
            kind: "dialect",
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_its_parts_and_its_name() {
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::new(dialect.names(), dialect.digest()), dialect);
            assert_eq!(dialect.as_str().parse(), Ok(dialect));
            assert_eq!(serde_json::to_string(&dialect).unwrap(), format!("\"{dialect}\""));
        }
        assert!("upvest-v6".parse::<Dialect>().is_err());
    }
}
