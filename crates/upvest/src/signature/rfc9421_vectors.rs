//! The published vectors of RFC 9421, appendix B.2. None of them meets the policy of a receiver of webhooks, because none
//! ties method, path and body together in an algorithm of ours; so their bases are compared, and where the algorithm is
//! known, their signatures verified over them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::base::BaseSource;
use super::component::Component;
use super::fields::{members, parse_inner_list};
use super::value::Form;
use super::*;

const DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

struct Example {
    input: &'static str,
    lines: &'static [&'static str],
    signature: &'static str,
    refused: &'static str,
}

/// B.2.1 to B.2.3, B.2.5 and B.2.6; B.2.4 signs a response.
const EXAMPLES: [Example; 5] = [
    Example {
        input: r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
        lines: &[],
        signature: "",
        refused: "component-not-covered",
    },
    Example {
        input: r#"sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
        lines: &[
            r#""@authority": example.com"#,
            r#""content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"#,
            r#""@query-param";name="Pet": dog"#,
        ],
        signature: "",
        refused: "component-not-covered",
    },
    Example {
        input: r#"sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
        lines: &[
            r#""date": Tue, 20 Apr 2021 02:07:55 GMT"#,
            r#""@method": POST"#,
            r#""@path": /foo"#,
            r#""@query": ?param=Value&Pet=dog"#,
            r#""@authority": example.com"#,
            r#""content-type": application/json"#,
            r#""content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"#,
            r#""content-length": 18"#,
        ],
        signature: "",
        // Its key is RSA, which no key of ours can be.
        refused: "unknown-key",
    },
    Example {
        input: r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        lines: &[
            r#""date": Tue, 20 Apr 2021 02:07:55 GMT"#,
            r#""@authority": example.com"#,
            r#""content-type": application/json"#,
        ],
        signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        refused: "component-not-covered",
    },
    Example {
        input: r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        lines: &[
            r#""date": Tue, 20 Apr 2021 02:07:55 GMT"#,
            r#""@method": POST"#,
            r#""@path": /foo"#,
            r#""@authority": example.com"#,
            r#""content-type": application/json"#,
            r#""content-length": 18"#,
        ],
        signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
        refused: "digest-not-covered",
    },
];

fn keys() -> [VerifyingKey; 2] {
    let jwk: Jwk = serde_json::from_str(
        r#"{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#,
    )
    .unwrap();
    let secret = STANDARD
        .decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
        .unwrap();
    [
        VerifyingKey::from_jwk(&jwk).unwrap(),
        VerifyingKey::hmac("test-shared-secret", secret.into()).unwrap(),
    ]
}

fn headers(input: &str) -> Headers {
    Headers::from_iter([
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", DIGEST),
        ("Content-Length", "18"),
        ("Signature-Input", input),
        (
            "Signature",
            &format!("{}=:AA==:", input.split('=').next().unwrap()),
        ),
    ])
}

fn request(headers: &Headers) -> SignedRequest<'_> {
    SignedRequest {
        method: "POST",
        path: "/foo",
        query: Some("param=Value&Pet=dog"),
        headers,
        body: br#"{"hello": "world"}"#,
    }
}

#[test]
fn the_bases_and_the_signatures_of_the_rfc_are_reproduced() {
    let origin = "https://example.com/foo".parse().unwrap();
    let keys = keys();
    for example in EXAMPLES {
        let parameters = members(example.input)[0].text;
        let list = parse_inner_list(parameters).unwrap();
        let components: Vec<_> = list
            .items
            .iter()
            .map(|item| Component::of(item).unwrap())
            .collect();
        let headers = headers(example.input);
        let base = BaseSource {
            request: &request(&headers),
            origin: Some(&origin),
            components: &components,
            parameters,
        }
        .write(Names::Quoted, Form::RECEIVED)
        .unwrap();
        let last = format!("\"@signature-params\": {parameters}");
        assert_eq!(
            base.lines().collect::<Vec<_>>(),
            [example.lines, &[&last]].concat()
        );
        if let Some(key) = keys.iter().find(|key| parameters.contains(key.key_id())) {
            let signature = STANDARD.decode(example.signature).unwrap();
            assert!(key.verify_base(base.as_bytes(), &signature), "{}", example.input);
        }
    }
}

#[test]
fn what_the_rfc_signs_is_no_delivery_for_a_reason_of_its_own() {
    let origin = "https://example.com/foo".parse().unwrap();
    for example in EXAMPLES {
        let headers = headers(example.input);
        let refused = UnverifiedDelivery::parse(request(&headers)).and_then(|delivery| {
            delivery
                .sent_to(Some(&origin))
                .verify(&keys(), Timestamp::UNIX_EPOCH)
        });
        assert_eq!(
            refused.unwrap_err().reason(),
            example.refused,
            "{}",
            example.input
        );
    }
    let response = r#"sig-b24=("@status" "content-digest" "content-type" "@authority";req "@method";req "@path";req "content-digest";req);created=1618884479;keyid="test-key-ecc-p256""#;
    let headers = headers(response);
    let refused = UnverifiedDelivery::parse(request(&headers));
    assert_eq!(refused.unwrap_err().reason(), "unknown-derived-component");
}
