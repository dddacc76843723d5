//! Answers that are not quite as documented.

use serde_json::json;
use upvest_api::{Error, TestOutcome};

use crate::stub::{answering, answering_with_token};

const ID: &str = "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a";

fn webhook() -> serde_json::Value {
    json!({"id": ID, "created_at": "2021-07-21T14:10:00.00Z", "updated_at": "2021-07-21T14:10:00.00Z",
           "title": "A_title with älter rules", "url": "https://tenant.tld/webhooks/users", "enabled": true,
           "type": ["USER", "A_NEW_CATEGORY"], "new_member": {"x": 1},
           "config": {"delay": "5m", "max_package_size": 10, "new_member": true}})
}

#[tokio::test]
async fn members_and_values_that_are_not_known_do_no_harm() {
    let client = answering(
        200,
        &json!({"meta": {"total_count": 1, "sort": "id", "new": 1}, "data": [webhook()]}),
    )
    .await;
    let webhooks = client.list_webhooks().await.unwrap();
    assert_eq!(webhooks[0].categories, ["USER", "A_NEW_CATEGORY"]);
    assert_eq!(webhooks[0].config.delay, "5m");
}

#[tokio::test]
async fn a_list_without_a_count_ends_with_its_last_page() {
    let client = answering(200, &json!({"data": [webhook()]})).await;
    assert_eq!(client.list_webhooks().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_that_repeats_itself_ends_with_an_error() {
    let client = answering(
        200,
        &json!({"meta": {"total_count": 1_000_000}, "data": [webhook()]}),
    )
    .await;
    let error = client.list_webhooks().await.unwrap_err();
    assert!(matches!(error, Error::EndlessList { .. }), "{error}");
}

#[tokio::test]
async fn one_bad_key_does_not_cost_the_others() {
    let good = json!({"kid": "9ed77463-c18e-4794-ab5c-17423f9b801a", "kty": "EC", "crv": "P-521",
        "x": "AcYAf5Ou0UvtehpeRvyhnvvrUQvjI4B3VCxfSmxK4gqKJGxO_jTB-nTdrHbBfmZpwmwYR86DppMg43E579K5MQ54",
        "y": "ALkrId77iD0Ye2vBS5bTkLqPH-bo8urTpTXiNc6Ub-VOFbXfJrR0tQ8COvVXXu58BTu8jWV-1mtbjfJpDl3ISbcK"});
    let client = answering(200, &json!({"keys": [{"kid": "half"}, good], "new": 1})).await;
    let keys = client.verify_keys().await.unwrap();
    assert_eq!(keys.usable.len(), 1);
    assert_eq!(keys.unusable[0].key_id.as_deref(), Some("half"));
}

#[tokio::test]
async fn a_test_without_a_body_was_accepted() {
    for status in [200, 202, 204] {
        let token = json!({"access_token": "t", "expires_in": 60});
        let client = answering_with_token(&token, status, String::new()).await;
        let outcome = client.test_webhook(&ID.parse().unwrap()).await;
        assert_eq!(outcome.unwrap(), TestOutcome::Accepted, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_says_where_and_not_what() {
    let client = answering(200, &json!({"keys": "sixteen"})).await;
    let error = client.verify_keys().await.unwrap_err();
    assert!(
        matches!(error, Error::UnexpectedAnswer { line: 1, .. }),
        "{error}"
    );
    assert!(!error.to_string().contains("sixteen"));
}

#[tokio::test]
async fn a_problem_is_understood_with_words_urls_or_nothing() {
    let kind = async |body| {
        let error = answering(404, &body).await.verify_keys().await.unwrap_err();
        (error.is_not_found(), error.problem().unwrap().kind.clone())
    };
    assert_eq!(
        kind(json!({"type": "not_found", "status": 404})).await,
        (true, Some("not_found".to_owned()))
    );
    let url = "https://docs.upvest.co/errors/not_found";
    assert_eq!(kind(json!({"type": url})).await, (true, Some(url.to_owned())));
    assert_eq!(kind(json!("<html>")).await, (true, None));
}
