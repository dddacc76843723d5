//! What is signed verifies, and what may not sign is refused.

use std::sync::LazyLock;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::*;
use crate::signature::{DigestAlgorithm, Freshness, Headers, UnverifiedDelivery, VerifyError};

static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    Dialect::ALL
        .into_iter()
        .flat_map(|dialect| {
            [
                SigningKey::generate_p521("p521", dialect).unwrap(),
                SigningKey::generate_ed25519("ed25519", dialect).unwrap(),
                SigningKey::hmac("hmac", dialect, vec![7; 32].into()).unwrap(),
            ]
        })
        .collect()
});

const OPTIONAL: [&str; 6] = [
    "@query",
    "accept",
    "content-type",
    "content-length",
    "user-agent",
    "x-several",
];
const BODY: &[u8] = br#"{"payload":[]}"#;

fn headers() -> Headers {
    Headers::from_iter([
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("X-Several", "1"),
        ("User-Agent", "a (b; c) \"d\""),
        ("x-several", " 2 "),
    ])
}

fn request<'a>(headers: &'a Headers, body: &'a [u8]) -> SignedRequest<'a> {
    SignedRequest {
        method: "POST",
        path: "/webhooks/upvest",
        query: Some("a=b"),
        headers,
        body,
    }
}

fn covered() -> impl Strategy<Value = Vec<String>> {
    let all: Vec<&str> = ["@method", "@path", "<digest>"]
        .into_iter()
        .chain(OPTIONAL)
        .collect();
    (
        subsequence(OPTIONAL.to_vec(), 0..=OPTIONAL.len()),
        Just(all).prop_shuffle(),
    )
        .prop_map(|(extra, order)| {
            let wanted = |name: &&str| !OPTIONAL.contains(name) || extra.contains(name);
            order.into_iter().filter(wanted).map(str::to_owned).collect()
        })
}

/// Signs the sample request and returns its headers with the signature among them.
fn signed(key: &SigningKey, components: &[String], edit: impl Fn(&mut SignatureOptions)) -> Headers {
    let digest = key.dialect().digest_header();
    let mut options = SignatureOptions::new(components.iter().map(|name| name.replace("<digest>", digest)));
    edit(&mut options);
    let mut headers = headers();
    key.sign(&request(&headers, BODY), &options)
        .unwrap()
        .apply_to(&mut headers);
    headers
}

fn verify(key: &SigningKey, headers: &Headers, body: &[u8]) -> Result<Freshness, VerifyError> {
    let verifying = key.verifying_key().unwrap();
    let delivery = UnverifiedDelivery::parse(request(headers, body))?;
    let verified = delivery.verify([&verifying], Timestamp::from_second(1_000).unwrap())?;
    assert_eq!((verified.body(), verified.dialect()), (body, key.dialect()));
    Ok(verified.freshness())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_a_key_signs_it_verifies_whatever_the_order_of_components(
        components in covered(),
        label in "[a-z*][a-z0-9_.*-]{0,8}",
        nonce in proptest::option::of("[ -~]{0,20}"),
        with_algorithm in any::<bool>(),
        digest in select(vec![DigestAlgorithm::Sha256, DigestAlgorithm::Sha512]),
    ) {
        for key in KEYS.iter() {
            let headers = signed(key, &components, |options| {
                options.label.clone_from(&label);
                options.nonce.clone_from(&nonce);
                options.with_algorithm = with_algorithm;
                options.digest = digest;
            });
            prop_assert_eq!(verify(key, &headers, BODY), Ok(Freshness::Fresh));
        }
    }

    #[test]
    fn a_changed_body_never_verifies(components in covered(), at in any::<Index>(), to in any::<u8>()) {
        let mut body = BODY.to_vec();
        let at = at.index(body.len());
        prop_assume!(body[at] != to);
        body[at] = to;
        for key in KEYS.iter() {
            let headers = signed(key, &components, |_| {});
            prop_assert_eq!(verify(key, &headers, &body), Err(VerifyError::DigestMismatch));
        }
    }

    #[test]
    fn a_changed_header_verifies_only_if_the_signed_text_is_the_same(
        components in covered(),
        key in 0..12_usize,
        header in select(vec!["digest", "content-digest", "signature-input", "signature", "accept"]),
        at in any::<Index>(),
        insert in "[ -~é]{0,3}",
        delete in 0..3_usize,
    ) {
        let key = &KEYS[key];
        let original = signed(key, &components, |_| {});
        let mut characters: Vec<char> = original.combined(header).unwrap_or_default().chars().collect();
        let start = at.index(characters.len() + 1);
        let end = (start + delete).min(characters.len());
        characters.splice(start..end, insert.chars());
        let mut changed = original.clone();
        changed.set(header, characters.into_iter().collect::<String>());
        let verifying = key.verifying_key().unwrap();
        let base = |headers: &Headers| {
            let verified = UnverifiedDelivery::parse(request(headers, BODY))?.verify([&verifying], Timestamp::UNIX_EPOCH)?;
            Ok::<_, VerifyError>(verified.signature_base().to_owned())
        };
        if let Ok(text) = base(&changed) {
            prop_assert_eq!(Ok(text), base(&original));
        }
    }
}

#[test]
fn a_private_key_survives_its_export() {
    for key in KEYS.iter().filter(|key| key.algorithm() != Algorithm::HmacSha256) {
        let der = key.to_pkcs8().unwrap().unwrap();
        let import = match key.algorithm() {
            Algorithm::Ed25519 => SigningKey::ed25519_from_pkcs8,
            _ => SigningKey::p521_from_pkcs8,
        };
        let imported = import(key.key_id(), key.dialect(), &der).unwrap();
        assert_eq!(imported.to_jwk(), key.to_jwk());
    }
}

#[test]
fn scalars_out_of_range_are_refused() {
    for scalar in [&[0; 66][..], &[0xff; 66], &[1; 67], &[]] {
        let result = SigningKey::p521_from_scalar("k", Dialect::QuotedContentDigest, scalar);
        assert_eq!(result.unwrap_err(), KeyError::InvalidPrivateKey, "{scalar:?}");
    }
}

#[test]
fn a_signature_that_could_not_be_parsed_is_not_made() {
    let headers = headers();
    let sign = |edit: fn(&mut SignatureOptions)| {
        let mut options = SignatureOptions::new(["@method"]);
        edit(&mut options);
        KEYS[2].sign(&request(&headers, b""), &options).unwrap_err()
    };
    assert_eq!(
        sign(|options| options.label = "Sig".into()),
        SignError::InvalidLabel { label: "Sig".into() }
    );
    assert_eq!(
        sign(|options| options.nonce = Some("é".into())),
        SignError::InvalidNonce
    );
    let missing = VerifyError::CoveredHeaderMissing {
        header: "none".into(),
    };
    assert_eq!(
        sign(|options| options.components.push("none".into())),
        SignError::Component(missing)
    );
    let unknown = VerifyError::UnknownDerivedComponent {
        component: "@status".into(),
    };
    assert_eq!(
        sign(|options| options.components.push("@status".into())),
        SignError::Component(unknown)
    );
}
