//! What a signature is to cover and to say, and what it is good for.

use super::*;

#[tokio::test]
async fn what_belongs_to_a_request_is_to_be_covered_and_nothing_else() {
    let upvest = Upvest::start().await;
    let good = Signed::creation(&upvest.token("webhooks:admin").await);
    for name in MINIMAL.split_whitespace() {
        let without = MINIMAL.split_whitespace().filter(|other| *other != name);
        let covered = without.collect::<Vec<_>>().join(" ");
        let words = format!("{name} is to be covered");
        upvest.refuses(good.clone().covered(&covered), 401, &words).await;
    }
    for (name, words) in [
        ("@path", "@path is covered twice"),
        ("host", "host cannot be covered"),
        ("user-agent", "user-agent cannot be covered"),
        ("x-request-id", "x-request-id cannot be covered"),
        ("cf-ray", "cf-ray cannot be covered"),
        (
            "upvest-signature-version",
            "upvest-signature-version cannot be covered",
        ),
        ("idempotency-key", "idempotency-key is covered and not in"),
        ("@query", "@query is covered and not in"),
        ("@authority", "@authority is covered and not in"),
    ] {
        let covered = format!("{MINIMAL} {name}");
        upvest.refuses(good.clone().covered(&covered), 401, words).await;
    }
    assert!(upvest.simulator.subscriptions().is_empty());
    assert_eq!(upvest.sign_and_send(good).await.0, 201);
}

#[tokio::test]
async fn a_signature_is_to_say_when_and_with_which_key_it_was_made() {
    let upvest = Upvest::start().await;
    let good = Signed::creation(&upvest.token("webhooks:admin").await);
    let times = |created: i64, expires: i64| {
        let (created, expires) = (NOW + created, NOW + expires);
        format!("keyid=\"{KEY_ID}\";created={created};expires={expires};nonce=\"NONCE\"")
    };
    let cases = [
        (times(-20, -1), "expired"),
        (times(11, 20), "future"),
        (times(0, 301), "valid for too long"),
        (times(5, 5), "or for no time"),
        (good.parameters.replace(KEY_ID, "other"), "keyid"),
        (format!("keyid=\"{KEY_ID}\";created={NOW}"), "expires is missing"),
        (good.parameters.replace("NONCE", ""), "nonce is malformed"),
        (good.parameters.replace("nonce", "other"), "nonce is missing"),
        (format!("{};created=1", good.parameters), "created is malformed"),
    ];
    for (parameters, words) in cases {
        upvest
            .refuses(good.clone().parameters(&parameters), 401, words)
            .await;
    }
    let good = good.parameters(&times(10, 60));
    assert_eq!(
        upvest.sign_and_send(good).await.0,
        201,
        "a clock may be a little ahead"
    );
}

#[tokio::test]
async fn the_version_of_the_signature_and_the_digest_are_taken_by_the_letter() {
    let upvest = Upvest::start().await;
    let good = Signed::creation(&upvest.token("webhooks:admin").await);
    let cases = [
        (
            good.clone().without("upvest-signature-version"),
            "upvest-signature-version is missing",
        ),
        (good.clone().header("upvest-signature-version", "6"), "is not 15"),
        (
            good.clone().header("content-digest", "sha-512=:AAAA:"),
            "content-digest is not that",
        ),
        (
            good.clone().header("content-digest", "SHA-256=AAAA"),
            "content-digest is not that",
        ),
    ];
    for (request, words) in cases {
        upvest.refuses(request, 401, words).await;
    }
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let signed = || Signed::creation(&token).sign(&upvest.key);
    let other_body = WEBHOOK.replace("tenant", "tenent");
    let mut same_length = signed();
    same_length.body.clone_from(&other_body);
    let mut other_path = signed();
    other_path.path = "/webhooks/x".to_owned();
    let mut with_query = signed();
    with_query.path = "/webhooks?a=b".to_owned();
    let cases = [
        ("an other body", same_length, "content-digest is not that"),
        (
            "an other body and digest",
            signed().body("application/json", &other_body),
            "does not hold",
        ),
        ("an other path", other_path, "does not hold"),
        ("a query", with_query, "@query is to be covered"),
        (
            "an other accept",
            signed().header("accept", "application/pdf"),
            "does not hold",
        ),
        (
            "no signature",
            signed().without("signature"),
            "signature is missing",
        ),
        (
            "no signature input",
            signed().without("signature-input"),
            "signature-input is missing",
        ),
        (
            "an other method's",
            Signed {
                method: Method::PUT,
                ..signed()
            },
            "does not hold",
        ),
    ];
    for (name, request, words) in cases {
        let (status, problem) = upvest.send(&request).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(
            status == 401 && detail.contains(words),
            "{name}: {status} {problem}"
        );
    }
    let stranger = SigningKey::generate_p521(KEY_ID, Dialect::QuotedContentDigest).unwrap();
    let (status, _) = upvest.send(&Signed::creation(&token).sign(&stranger)).await;
    assert_eq!(status, 401, "another key under the same id");
    assert!(upvest.simulator.subscriptions().is_empty());
}

#[tokio::test]
async fn a_signature_is_good_for_one_request() {
    let upvest = Upvest::start().await;
    let token = upvest.token("webhooks:admin").await;
    let signed = Signed::creation(&token).sign(&upvest.key);
    assert_eq!(upvest.send(&signed).await.0, 201);
    let (status, problem) = upvest.send(&signed).await;
    assert_eq!(
        (status, &problem["detail"]),
        (401, &json!("the nonce was used before"))
    );
}
