//! Deliveries whose signatures hold, do not, or are too many.

use proptest::prelude::*;

use super::*;
use crate::signature::{SignatureOptions, SigningKey};

fn request(headers: &Headers) -> SignedRequest<'_> {
    SignedRequest {
        method: "POST",
        path: "/",
        query: None,
        headers,
        body: b"",
    }
}

fn parse(input: &str, signature: &str) -> Result<Vec<String>, VerifyError> {
    let headers = Headers::from_iter([
        ("signature-input", input),
        ("signature", signature),
        ("digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ]);
    let delivery = UnverifiedDelivery::parse(request(&headers))?;
    let labels = delivery
        .signatures
        .iter()
        .map(|signature| signature.claims.label.clone());
    Ok(labels.collect())
}

fn input(label: &str) -> String {
    format!(r#"{label}=("@method" "@path" "digest");keyid="{label}""#)
}

#[test]
fn every_signature_of_both_headers_is_tried_and_sig1_first() {
    let input = [input("a"), input("b"), input("sig1")].join(", ");
    assert_eq!(parse(&input, "sig1=::, b=::, a=::").unwrap(), ["sig1", "a", "b"]);
    assert_eq!(parse(&input, "b=::").unwrap(), ["b"]);
    assert_eq!(parse(&input, "c=::"), Err(VerifyError::NoMatchingLabel));
}

#[test]
fn a_strangers_label_spoils_no_other_one() {
    let ours = input("sig1");
    for (stranger, bytes) in [
        ("edge=token", "edge=token"),
        ("edge=@1659578233", "edge=::"),
        (r#"edge=("signature";key="sig1");keyid="e""#, "edge=:AA==:;x=1"),
        (r#"edge=("@status");keyid="e""#, "edge=::"),
        ("edge", "edge=::"),
        ("edge=(", "edge=:é:"),
        ("edge=1, edge=2", "edge=::, edge=::"),
        ("UPPER=()", "UPPER=::"),
    ] {
        assert_eq!(
            parse(&format!("{ours}, {stranger}"), &format!("{bytes}, sig1=::")).unwrap(),
            ["sig1"]
        );
    }
    let strangers: Vec<_> = (0..20).map(|at| format!("s{at}=token")).collect();
    let many = strangers.join(", ");
    assert_eq!(
        parse(&format!("{many}, {ours}"), &format!("{many}, sig1=::")).unwrap(),
        ["sig1"]
    );
}

#[test]
fn the_signature_that_came_furthest_gives_the_reason() {
    let syntax = r#"a=("@method";req);keyid="k""#;
    let policy = r#"b=("@method" "digest");keyid="k""#;
    let refused = |input: &str, bytes: &str| parse(input, bytes).unwrap_err().reason();
    assert_eq!(refused(syntax, "a=::"), "unsupported-component-parameter");
    assert_eq!(
        refused(&format!("{syntax}, {policy}"), "a=::, b=::"),
        "component-not-covered"
    );
    assert_eq!(
        refused(&format!("{policy}, {syntax}"), "a=::, b=::"),
        "component-not-covered"
    );
    assert_eq!(refused(&format!("{policy}, {policy}"), "b=::"), "duplicate-label");
    assert_eq!(refused(&input("sig1"), "sig1=::, sig1=::"), "duplicate-label");
}

#[test]
fn more_signatures_than_may_be_verified_are_refused() {
    let labels: Vec<String> = (0..=MAX_VERIFICATIONS).map(|at| format!("s{at}")).collect();
    let parsed = |labels: &[String]| {
        let inputs: Vec<String> = labels.iter().map(|label| input(label)).collect();
        let bytes: Vec<String> = labels.iter().map(|label| format!("{label}=::")).collect();
        parse(&inputs.join(", "), &bytes.join(", ")).map(|labels| labels.len())
    };
    assert_eq!(parsed(&labels[1..]), Ok(MAX_VERIFICATIONS));
    assert_eq!(parsed(&labels), Err(VerifyError::TooManySignatures));
}

#[test]
fn reasons_are_ranked_by_how_far_a_signature_came() {
    let unknown = VerifyError::UnknownKey {
        key_id: "k".to_owned(),
    };
    let ranked = [
        VerifyError::NoMatchingLabel,
        VerifyError::MalformedSignatureInput,
        VerifyError::MissingKeyId,
        VerifyError::AlgorithmMismatch,
        VerifyError::DigestMismatch,
        VerifyError::CoveredHeaderMissing {
            header: "x".to_owned(),
        },
        VerifyError::BadSignature,
        VerifyError::KeyOnlySynthetic,
        VerifyError::TooManySignatures,
        unknown,
    ];
    for pair in ranked.windows(2) {
        let [near, far] = pair else {
            unreachable!("windows of two")
        };
        assert_eq!(near.clone().or_further(far.clone()), *far);
        assert_eq!(far.clone().or_further(near.clone()), *far);
    }
    let first = VerifyError::MalformedSignature;
    assert_eq!(first.clone().or_further(VerifyError::DuplicateParameter), first);
}

#[test]
fn headers_without_a_single_label_are_malformed() {
    assert_eq!(
        parse("token", "sig1=::"),
        Err(VerifyError::MalformedSignatureInput)
    );
    assert_eq!(
        parse(&input("sig1"), "token"),
        Err(VerifyError::MalformedSignature)
    );
}

#[test]
fn a_covered_digest_that_is_absent_is_noticed_before_any_key_is_looked_up() {
    let two = r#"sig1=("@method" "@path" "digest" "content-digest");keyid="k""#;
    let header = "content-digest";
    assert_eq!(parse(two, "sig1=::"), Err(VerifyError::MissingDigest { header }));
}

const SEED: [u8; 32] = [7; 32];

/// Headers with a signature for each of these: dialect, seed of the key, and seconds from `created` to `expires`.
fn signed(signatures: &[(Dialect, [u8; 32], i64)]) -> Headers {
    let mut headers = Headers::new();
    let (mut inputs, mut bytes) = (Vec::new(), Vec::new());
    for (at, (dialect, seed, lifetime_s)) in signatures.iter().enumerate() {
        let key = SigningKey::ed25519_from_seed("k", *dialect, seed).unwrap();
        let expires = Timestamp::from_second(*lifetime_s).unwrap();
        let options = SignatureOptions::new(["@method", "@path", dialect.digest_header()])
            .valid(Timestamp::UNIX_EPOCH, expires);
        let signature = key.sign(&request(&Headers::new()), &options).unwrap();
        if headers.combined(signature.digest_name).is_none() {
            headers.push(signature.digest_name, signature.digest);
        }
        // A label is not signed.
        inputs.push(signature.signature_input.replacen("sig1", &format!("s{at}"), 1));
        bytes.push(signature.signature.replacen("sig1", &format!("s{at}"), 1));
    }
    headers.push("signature-input", inputs.join(", "));
    headers.push("signature", bytes.join(", "));
    headers
}

fn known(prefers: Dialect) -> VerifyingKey {
    let key = SigningKey::ed25519_from_seed("k", prefers, &SEED).unwrap();
    key.verifying_key().unwrap().preferring(prefers)
}

/// Verifies the first signature alone; tells how many verifications that took, too.
fn search(headers: &Headers, prefers: Dialect) -> (usize, Result<Dialect, VerifyError>) {
    let delivery = UnverifiedDelivery::parse(request(headers)).unwrap();
    let (mut search, key) = (Search::new(Timestamp::UNIX_EPOCH), known(prefers));
    let found = search.signature(&delivery, &delivery.signatures[0], &[&key]);
    (search.spent, found.map(|proof| proof.dialect))
}

#[test]
fn the_dialect_of_the_last_delivery_takes_one_verification_and_another_two() {
    for dialect in Dialect::ALL {
        for prefers in Dialect::ALL {
            let expected = if dialect.names() == prefers.names() { 1 } else { 2 };
            let found = search(&signed(&[(dialect, SEED, 60)]), prefers);
            assert_eq!(found, (expected, Ok(dialect)), "{prefers}");
        }
        let forged = search(&signed(&[(dialect, [8; 32], 60)]), dialect);
        assert_eq!(
            forged,
            (2, Err(VerifyError::BadSignature)),
            "each text is tried once"
        );
    }
}

fn verify(headers: &Headers, only: Option<Dialect>, received_s: i64) -> Result<Freshness, VerifyError> {
    let key = known(Dialect::UnquotedDigest);
    let received_at = Timestamp::from_second(received_s).unwrap();
    let delivery = UnverifiedDelivery::parse(request(headers))?.in_dialect(only);
    delivery
        .verify([&key], received_at)
        .map(|verified| verified.freshness())
}

#[test]
fn of_keys_with_one_id_any_may_prove_and_the_one_that_came_furthest_gives_the_reason() {
    let key = |seed: u8| {
        let key = SigningKey::ed25519_from_seed("k", Dialect::UnquotedDigest, &[seed; 32]).unwrap();
        key.verifying_key().unwrap()
    };
    let headers = signed(&[(Dialect::UnquotedDigest, SEED, 60)]);
    let verify = |keys: [&VerifyingKey; 2]| {
        let delivery = UnverifiedDelivery::parse(request(&headers)).unwrap();
        delivery.verify(keys, Timestamp::UNIX_EPOCH).map(|_| ())
    };
    let (other, ours, narrow) = (key(8), key(7), key(7).only_synthetic());
    for keys in [[&ours, &other], [&other, &ours]] {
        assert_eq!(verify(keys), Ok(()));
    }
    for keys in [[&narrow, &other], [&other, &narrow]] {
        assert_eq!(verify(keys), Err(VerifyError::KeyOnlySynthetic));
    }
}

#[test]
fn a_retired_or_distrusted_key_proves_what_was_received_before_and_nothing_after() {
    let headers = signed(&[(Dialect::UnquotedDigest, SEED, 60)]);
    let second = |second| Timestamp::from_second(second).unwrap();
    let verify = |key: VerifyingKey, received_s| {
        let delivery = UnverifiedDelivery::parse(request(&headers)).unwrap();
        delivery.verify([&key], second(received_s)).map(|_| ())
    };
    let key = || known(Dialect::UnquotedDigest);
    let key_id = key().key_id().to_owned();
    let retired = VerifyError::KeyRetired {
        key_id: key_id.clone(),
        freshness: Freshness::Fresh,
    };
    let distrusted = VerifyError::KeyDistrusted {
        key_id: key_id.clone(),
    };
    assert_eq!(verify(key().retired(second(10)), 9), Ok(()));
    assert_eq!(verify(key().retired(second(10)), 10), Err(retired));
    let sent_again = VerifyError::KeyRetired {
        key_id: key_id.clone(),
        freshness: Freshness::Expired,
    };
    assert_eq!(verify(key().retired(second(10)), 3_600), Err(sent_again));
    assert_eq!(verify(key().distrusted(second(10)), 9), Ok(()));
    // Whoever has it may have had it before its owner stopped using it.
    let both = key().retired(second(5)).distrusted(second(10));
    assert_eq!(verify(both, 10), Err(distrusted));
}

#[test]
fn forged_signatures_are_verified_up_to_the_bound_and_no_further() {
    let forged = [(Dialect::UnquotedDigest, [8; 32], 60); MAX_VERIFICATIONS / 2];
    let most = verify(&signed(&forged), None, 0);
    assert_eq!(most, Err(VerifyError::BadSignature));
    for seed in [[8; 32], SEED] {
        let more = [&forged[..], &[(Dialect::UnquotedDigest, seed, 60)]].concat();
        assert_eq!(
            verify(&signed(&more), None, 0),
            Err(VerifyError::TooManySignatures)
        );
    }
}

#[test]
fn of_two_signatures_that_hold_the_one_in_its_time_counts() {
    let stale = (Dialect::UnquotedDigest, SEED, 60);
    let fresh = (Dialect::QuotedDigest, SEED, 6_000);
    for signatures in [[stale, fresh], [fresh, stale]] {
        assert_eq!(verify(&signed(&signatures), None, 600), Ok(Freshness::Fresh));
    }
}

#[test]
fn what_was_proven_in_one_dialect_is_proven_in_no_other() {
    for dialect in Dialect::ALL {
        for only in Dialect::ALL {
            let found = verify(&signed(&[(dialect, SEED, 60)]), Some(only), 0);
            assert_eq!(found.is_ok(), only == dialect, "{dialect} as {only}");
        }
    }
}

/// Text that looks like the real headers, so that arbitrary input reaches the depths of the parser.
fn header_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just(r#"sig1=("@method" "@path" "digest" "content-digest")"#.to_owned()),
        Just(r#";keyid="k""#.to_owned()),
        Just(";created=1;expires=-9223372036854775808".to_owned()),
        Just("sig1=:AAAA:".to_owned()),
        Just("SHA-256=AAAA".to_owned()),
        "[ -~]{0,6}",
        any::<char>().prop_map(String::from),
        ".{0,40}",
    ];
    prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_input_makes_it_panic_and_none_verifies(
        names in prop::collection::vec(
            prop_oneof![
                Just("signature-input".to_owned()),
                Just("signature".to_owned()),
                Just("digest".to_owned()),
                Just("content-digest".to_owned()),
                ".{0,12}",
            ],
            0..6,
        ),
        values in prop::collection::vec(header_text(), 6),
        input in header_text(),
        [method, path, query] in [".{0,8}", ".{0,8}", ".{0,8}"],
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut headers: Headers = names.iter().zip(values).collect();
        headers.push("signature", "sig1=:AAAA:");
        headers.push("signature-input", format!(r#"sig1=("@method" "@path" "digest" {input}"#));
        let query = Some(query.as_str());
        let request = SignedRequest { method: &method, path: &path, query, headers: &headers, body: &body };
        let key = VerifyingKey::hmac("k", vec![7; 32].into()).unwrap();
        let origin = "https://hooks.example".parse().unwrap();
        let result = UnverifiedDelivery::parse(request)
            .and_then(|delivery| delivery.sent_to(Some(&origin)).verify([&key], Timestamp::UNIX_EPOCH));
        prop_assert!(result.is_err());
    }
}
