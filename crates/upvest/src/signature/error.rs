//! The reasons for which a delivery is refused.

use super::Freshness;

/// Tells why a delivery's signature or digest does not hold.
///
/// Each variant has a stable kebab-case [`reason`](Self::reason), which names quarantine prefixes and metric
/// dimensions. `docs/signatures.md` explains each one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The request has no `signature-input` header.
    #[error("the signature-input header is missing")]
    MissingSignatureInput,
    /// The request has no `signature` header.
    #[error("the signature header is missing")]
    MissingSignature,
    /// A signature or digest header is longer than [`MAX_HEADER_BYTES`](super::MAX_HEADER_BYTES).
    #[error("the {name} header is longer than {} bytes", super::MAX_HEADER_BYTES)]
    OversizedHeader {
        /// Names the header, in lower case.
        name: &'static str,
    },
    /// `signature-input` is not a dictionary of component lists with parameters of the expected types.
    #[error("the signature-input header is malformed")]
    MalformedSignatureInput,
    /// `signature` is not a dictionary of base64 byte sequences.
    #[error("the signature header is malformed")]
    MalformedSignature,
    /// The signatures would take more than [`MAX_VERIFICATIONS`](super::MAX_VERIFICATIONS) verifications.
    #[error("the signatures take more than {} verifications", super::MAX_VERIFICATIONS)]
    TooManySignatures,
    /// A signature covers more components than [`MAX_COMPONENTS`](super::MAX_COMPONENTS).
    #[error("more than {} covered components", super::MAX_COMPONENTS)]
    TooManyComponents,
    /// A signature has more parameters than [`MAX_PARAMETERS`](super::MAX_PARAMETERS).
    #[error("more than {} signature parameters", super::MAX_PARAMETERS)]
    TooManyParameters,
    /// A label occurs twice in `signature-input` or in `signature`.
    #[error("a signature label occurs twice")]
    DuplicateLabel,
    /// A component is covered twice, so that its two lines could tell different values.
    #[error("component {component} is covered twice")]
    DuplicateComponent {
        /// Repeats the component as `signature-input` names it.
        component: String,
    },
    /// A signature parameter occurs twice: which one counts would be a matter of the parser.
    #[error("a signature parameter occurs twice")]
    DuplicateParameter,
    /// No label of `signature-input` occurs in `signature`, so there is nothing to verify.
    #[error("no label of signature-input occurs in signature")]
    NoMatchingLabel,
    /// The `keyid` parameter is absent or empty.
    #[error("the keyid parameter is missing")]
    MissingKeyId,
    /// A derived component is covered that RFC 9421 does not define for requests.
    #[error("derived component {component} is not known")]
    UnknownDerivedComponent {
        /// Repeats the component as `signature-input` names it.
        component: String,
    },
    /// A component has parameters that contradict each other, name another message, or are not known.
    #[error("component {component} uses parameters that are not supported")]
    UnsupportedComponentParameter {
        /// Repeats the component as `signature-input` names it.
        component: String,
    },
    /// `@method` is not covered, or none of `@path`, `@request-target` and `@target-uri`.
    #[error("component {component} is not covered by the signature")]
    ComponentNotCovered {
        /// Names the component that is missing: `@method` or `@path`.
        component: &'static str,
    },
    /// The key that a signature names is none of those that the receiver knows.
    #[error("key {key_id} is not known")]
    UnknownKey {
        /// Repeats the `keyid` parameter of the signature.
        key_id: String,
    },
    /// The `alg` parameter contradicts the key.
    #[error("the alg parameter contradicts the key")]
    AlgorithmMismatch,
    /// A digest header is missing that the signature covers, or there is none at all.
    #[error("the {header} header is missing")]
    MissingDigest {
        /// Names the header: `content-digest` or `digest`.
        header: &'static str,
    },
    /// No digest header is covered, so that the signature says nothing about the body.
    #[error("the {header} header is not covered by the signature")]
    DigestNotCovered {
        /// Names the header: `content-digest` or `digest`.
        header: &'static str,
    },
    /// The digest header cannot be parsed, or a digest in it has the wrong length.
    #[error("the {header} header is malformed")]
    MalformedDigest {
        /// Names the header: `content-digest` or `digest`.
        header: &'static str,
    },
    /// The digest header has no algorithm that is known.
    #[error("the {header} header has no known algorithm")]
    UnsupportedDigestAlgorithm {
        /// Names the header: `content-digest` or `digest`.
        header: &'static str,
    },
    /// The digest is not that of the body.
    #[error("the digest does not match the body")]
    DigestMismatch,
    /// A covered header is not part of the request.
    #[error("covered header {header} is missing")]
    CoveredHeaderMissing {
        /// Repeats the component as `signature-input` names it.
        header: String,
    },
    /// A component is covered whose value is part of the receiver's public URL, and the receiver was not told that.
    #[error("the public URL, of which {component} is a part, is not known")]
    PublicUrlUnknown {
        /// Repeats the component as `signature-input` names it.
        component: String,
    },
    /// The value of a covered component contains a line break, which would forge a line of the signature base.
    #[error("covered component {component} contains a line break")]
    LineBreakInComponent {
        /// Repeats the component as `signature-input` names it.
        component: String,
    },
    /// The signature does not hold over the base that the delivery gives.
    #[error("the signature does not hold")]
    BadSignature,
    /// The signature holds, and its owner had stopped using the key when the delivery was received.
    #[error("the signature holds, and key {key_id} was retired when it was received")]
    KeyRetired {
        /// Repeats the `keyid` parameter of the signature.
        key_id: String,
        /// Tells whether the signature was within its time: a delivery of earlier that somebody sends again is not.
        freshness: Freshness,
    },
    /// The signature holds, and the operator did not trust the key any longer when the delivery was received.
    #[error("the signature holds, and key {key_id} was not trusted any longer when it was received")]
    KeyDistrusted {
        /// Repeats the `keyid` parameter of the signature.
        key_id: String,
    },
    /// The key may sign synthetic events alone, and the body has something else.
    #[error("the key may sign synthetic events alone")]
    KeyOnlySynthetic,
    /// The signature had expired when the delivery was received. Only callers with strict freshness reject it.
    #[error("the signature had expired when it was received")]
    Expired,
    /// The signature was created after the delivery was received. Only callers with strict freshness reject it.
    #[error("the signature was created after it was received")]
    NotYetValid,
}

impl VerifyError {
    /// Lists all reasons that [`reason`](Self::reason) returns, in the order of the checks.
    pub const ALL: &'static [&'static str] = &[
        "missing-signature-input",
        "missing-signature",
        "oversized-header",
        "malformed-signature-input",
        "malformed-signature",
        "too-many-signatures",
        "too-many-components",
        "too-many-parameters",
        "duplicate-label",
        "duplicate-component",
        "duplicate-parameter",
        "no-matching-label",
        "missing-key-id",
        "unknown-derived-component",
        "unsupported-component-parameter",
        "component-not-covered",
        "unknown-key",
        "algorithm-mismatch",
        "missing-digest",
        "digest-not-covered",
        "malformed-digest",
        "unsupported-digest-algorithm",
        "digest-mismatch",
        "covered-header-missing",
        "public-url-unknown",
        "line-break-in-component",
        "bad-signature",
        "key-distrusted",
        "key-retired",
        "key-only-synthetic",
        "expired",
        "not-yet-valid",
    ];

    /// Returns the stable name of the reason, in kebab case.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingSignatureInput => "missing-signature-input",
            Self::MissingSignature => "missing-signature",
            Self::OversizedHeader { .. } => "oversized-header",
            Self::MalformedSignatureInput => "malformed-signature-input",
            Self::MalformedSignature => "malformed-signature",
            Self::TooManySignatures => "too-many-signatures",
            Self::TooManyComponents => "too-many-components",
            Self::TooManyParameters => "too-many-parameters",
            Self::DuplicateLabel => "duplicate-label",
            Self::DuplicateComponent { .. } => "duplicate-component",
            Self::DuplicateParameter => "duplicate-parameter",
            Self::NoMatchingLabel => "no-matching-label",
            Self::MissingKeyId => "missing-key-id",
            Self::UnknownDerivedComponent { .. } => "unknown-derived-component",
            Self::UnsupportedComponentParameter { .. } => "unsupported-component-parameter",
            Self::ComponentNotCovered { .. } => "component-not-covered",
            Self::UnknownKey { .. } => "unknown-key",
            Self::AlgorithmMismatch => "algorithm-mismatch",
            Self::MissingDigest { .. } => "missing-digest",
            Self::DigestNotCovered { .. } => "digest-not-covered",
            Self::MalformedDigest { .. } => "malformed-digest",
            Self::UnsupportedDigestAlgorithm { .. } => "unsupported-digest-algorithm",
            Self::DigestMismatch => "digest-mismatch",
            Self::CoveredHeaderMissing { .. } => "covered-header-missing",
            Self::PublicUrlUnknown { .. } => "public-url-unknown",
            Self::LineBreakInComponent { .. } => "line-break-in-component",
            Self::BadSignature => "bad-signature",
            Self::KeyDistrusted { .. } => "key-distrusted",
            Self::KeyRetired { .. } => "key-retired",
            Self::KeyOnlySynthetic => "key-only-synthetic",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
        }
    }

    /// Tells how far a signature came that was refused for this reason: of several, the one that came furthest gives
    /// the delivery's reason, because it is the one that most likely was meant to hold.
    ///
    /// Two reasons stand above: a key that is not known may become known, and then the delivery is tried again; and
    /// where there was no time to try everything, nothing is known about the rest.
    pub(super) const fn stage(&self) -> Stage {
        match self {
            Self::MissingSignatureInput
            | Self::MissingSignature
            | Self::OversizedHeader { .. }
            | Self::NoMatchingLabel => Stage::Headers,
            Self::DuplicateLabel
            | Self::MalformedSignatureInput
            | Self::MalformedSignature
            | Self::TooManyComponents
            | Self::TooManyParameters
            | Self::DuplicateComponent { .. }
            | Self::DuplicateParameter
            | Self::UnknownDerivedComponent { .. }
            | Self::UnsupportedComponentParameter { .. } => Stage::Syntax,
            Self::MissingKeyId
            | Self::ComponentNotCovered { .. }
            | Self::MissingDigest { .. }
            | Self::DigestNotCovered { .. } => Stage::Policy,
            Self::AlgorithmMismatch => Stage::Key,
            Self::MalformedDigest { .. } | Self::UnsupportedDigestAlgorithm { .. } | Self::DigestMismatch => {
                Stage::Digest
            }
            Self::CoveredHeaderMissing { .. }
            | Self::PublicUrlUnknown { .. }
            | Self::LineBreakInComponent { .. } => Stage::Base,
            Self::BadSignature => Stage::Signature,
            Self::KeyDistrusted { .. }
            | Self::KeyRetired { .. }
            | Self::KeyOnlySynthetic
            | Self::Expired
            | Self::NotYetValid => Stage::Proven,
            Self::TooManySignatures => Stage::Bound,
            Self::UnknownKey { .. } => Stage::Unknown,
        }
    }

    /// Keeps the reason of the signature that came further; of two that came as far, the first.
    pub(super) fn or_further(self, other: Self) -> Self {
        match other.stage() > self.stage() {
            true => other,
            false => self,
        }
    }
}

/// Names the checks in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Headers,
    Syntax,
    Policy,
    Key,
    Digest,
    Base,
    Signature,
    Proven,
    Bound,
    Unknown,
}
