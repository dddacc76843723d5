//! Access to Upvest with credentials that change.

use std::time::Duration;

use fake_aws::Aws;
use pipeline::upvest_access::{AccessError, UpvestAccess};
use upvest_simulator::Trouble;

use crate::upvest::{SECRET, Upvest, access};

async fn fetch(access: &UpvestAccess) -> Result<usize, AccessError> {
    let keys = access.call(async |client| client.verify_keys().await).await?;
    Ok(keys.usable.len())
}

fn reads(aws: &Aws) -> usize {
    let calls = aws.calls();
    calls
        .iter()
        .filter(|call| call.operation == "GetSecretValue")
        .count()
}

#[tokio::test]
async fn credentials_are_kept_for_five_minutes() {
    let aws = Aws::new(1);
    let _upvest = Upvest::start_in_time_of(&aws).await;
    let access = access(&aws);
    for _ in 0..3 {
        assert_eq!(fetch(&access).await.unwrap(), 1);
        aws.clock().advance(Duration::from_secs(120));
    }
    assert_eq!(reads(&aws), 1);
    fetch(&access).await.unwrap();
    assert_eq!(reads(&aws), 2);
}

#[tokio::test]
async fn refused_credentials_are_read_again_at_once() {
    let aws = Aws::new(1);
    let upvest = Upvest::start_in_time_of(&aws).await;
    let access = access(&aws);
    fetch(&access).await.unwrap();
    // Both the kept token and a new one are refused.
    upvest.simulator.add_trouble(Trouble {
        answers: 2,
        status: Some(401),
        path_prefix: Some("/auth".to_owned()),
        ..Trouble::default()
    });
    assert_eq!(fetch(&access).await.unwrap(), 1);
    assert_eq!(reads(&aws), 2);
}

#[tokio::test]
async fn wrong_credentials_are_not_kept() {
    let aws = Aws::new(1);
    let upvest = Upvest::start_in_time_of(&aws).await;
    let access = access(&aws);
    let mut wrong = upvest.credentials();
    wrong["client_secret"] = "not-the-secret".into();
    aws.create_secret(SECRET, wrong.to_string().as_bytes());
    let error = fetch(&access).await.unwrap_err().explain();
    assert!(
        error.contains("401") && error.contains("client_secret is wrong"),
        "{error}"
    );
    aws.create_secret(SECRET, upvest.credentials().to_string().as_bytes());
    assert_eq!(fetch(&access).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unusable_secret_is_told_without_its_value() {
    let aws = Aws::new(1);
    let access = access(&aws);
    let missing = fetch(&access).await.unwrap_err();
    assert!(matches!(missing, AccessError::Secret(_)), "{missing:?}");
    for value in [
        r#"{"client_secret":"73313731"}"#,
        "73313731",
        r#"{"client_id":73313731}"#,
    ] {
        aws.create_secret(SECRET, value.as_bytes());
        let error = fetch(&access).await.unwrap_err();
        assert!(matches!(error, AccessError::Credentials(_)), "{error:?}");
        assert!(!format!("{error:?} {}", error.explain()).contains("73313731"));
    }
    aws.create_secret(SECRET, &[0xff]);
    assert!(matches!(fetch(&access).await.unwrap_err(), AccessError::NoText));
}
