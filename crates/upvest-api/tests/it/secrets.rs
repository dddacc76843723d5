//! Secrets appear nowhere but on the wire.

use serde_json::{Value, json};
use upvest_api::{Credentials, Error};

use crate::stub::{TOKEN, answering, answering_with_token};
use crate::upvest::{Upvest, chain};

fn secrets(document: &Value) -> [String; 2] {
    let pem = document["private_key"].as_str().unwrap();
    let line = pem.lines().nth(2).unwrap();
    [
        document["client_secret"].as_str().unwrap().to_owned(),
        line.to_owned(),
    ]
}

#[tokio::test]
async fn debug_of_credentials_and_clients_shows_none() {
    let upvest = Upvest::start().await;
    let document = upvest.document();
    let client = upvest.client();
    client.verify_keys().await.unwrap();
    let credentials = Credentials::from_json(&document.to_string()).unwrap();
    let shown = format!("{credentials:?} {client:?} {client:#?}");
    assert!(shown.contains(document["client_id"].as_str().unwrap()));
    for secret in secrets(&document) {
        assert!(!shown.contains(&secret));
    }
    assert!(!shown.contains("ory_at_"), "the access token");
}

#[tokio::test]
async fn an_answer_that_repeats_the_token_is_redacted() {
    let detail = format!("the token {TOKEN} is bad\nreally");
    let client = answering(
        403,
        &json!({"type": "forbidden", "title": "No", "detail": detail}),
    )
    .await;
    let error = client.verify_keys().await.unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert!(text.contains("the token [redacted] is bad really"), "{text}");
    assert!(!text.contains(TOKEN));
}

#[tokio::test]
async fn a_token_answer_that_cannot_be_read_is_not_quoted() {
    for token in [
        json!({"access_token": "top secret", "expires_in": 1}),
        json!({"access_token": ["top secret"]}),
    ] {
        let client = answering_with_token(&token, 200, String::new()).await;
        let error = client.verify_keys().await.unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(text.contains("/auth/token"), "{text}");
        assert!(!text.contains("top secret"), "{text}");
    }
}

#[tokio::test]
async fn the_location_of_a_file_is_not_shown() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/bucket/file?Signature=top-secret",
        free.local_addr().unwrap()
    );
    drop(free);
    for url in [url.as_str(), "http://storage.example/file?Signature=top-secret"] {
        let client = answering(200, &json!({"signed_url": url})).await;
        let error = client.file("settlement_reports", "file.csv").await.unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert!(
            !text.contains("top-secret") && text.contains("settlement_reports/file.csv"),
            "{text}"
        );
        assert_eq!(
            matches!(error, Error::UnsafeLocation { .. }),
            url.contains("example")
        );
    }
}
