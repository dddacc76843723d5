//! Tokens and their scopes.

use super::*;

#[tokio::test]
async fn a_token_is_needed_that_is_valid_and_has_the_scope() {
    let upvest = Upvest::start().await;
    let (reading, other) = (
        upvest.token("webhooks:read").await,
        upvest.token("reports:read").await,
    );
    let get = |token: &str| Signed::new(Method::GET, "/webhooks", token);
    assert_eq!(upvest.sign_and_send(get(&reading)).await.0, 200);
    upvest
        .refuses(get(&other), 403, "webhooks:read or webhooks:admin")
        .await;
    upvest
        .refuses(Signed::creation(&reading), 403, "webhooks:admin")
        .await;
    upvest.refuses(get("ory_at_forged"), 401, "access token").await;
    let without = get("").covered("@method @path accept upvest-client-id");
    upvest.refuses(without, 401, "access token").await;
    upvest.simulator.revoke_tokens();
    upvest.refuses(get(&reading), 401, "access token").await;
    let keys = Signed::new(
        Method::GET,
        "/auth/verify_keys",
        &upvest.token("webhooks:admin").await,
    );
    let (status, keys) = upvest.sign_and_send(keys).await;
    assert_eq!((status, &keys["keys"][0]["crv"]), (200, &json!("P-521")));
}

#[tokio::test]
async fn what_events_are_about_is_read_by_the_scope_of_its_own() {
    let upvest = Upvest::start().await;
    let wrong = upvest.token("webhooks:admin").await;
    for (path, scope) in [
        ("/users", "users:read"),
        ("/users/u/checks", "checks:read"),
        ("/users/u/reports", "reports:read"),
        ("/accounts", "accounts:read"),
        ("/accounts/a/orders", "orders:read"),
        ("/account_groups", "accounts:read"),
        ("/account_groups/g/payments/direct_debits", "payments:read"),
        ("/account_groups/g/payments/withdrawals", "payments:read"),
        ("/instruments", "instruments:read"),
        ("/portfolios/orders", "portfolios:read"),
        ("/accounts/a/positions", "positions:read"),
        ("/accounts/a/valuations", "valuations:read"),
        ("/accounts/a/returns", "account_returns:read"),
        ("/accounts/a/liquidations", "account_liquidations:read"),
        ("/transactions/cash", "transactions:read"),
        ("/transactions/securities", "transactions:read"),
    ] {
        let get = |token: &str| Signed::new(Method::GET, path, token);
        let right = upvest.token(scope).await;
        let (status, list) = upvest.sign_and_send(get(&right)).await;
        assert_eq!((status, &list["data"]), (200, &json!([])), "{path}");
        upvest.refuses(get(&wrong), 403, scope).await;
    }
    for (path, scope) in [
        ("/orders/o", "orders:read"),
        ("/payments/withdrawals/w", "payments:read"),
        ("/fees/collections/f", "fees:read"),
        ("/account_groups/g/payments/cash_balance", "positions:read"),
    ] {
        let token = upvest.token(scope).await;
        upvest
            .refuses(Signed::new(Method::GET, path, &token), 404, "there is no")
            .await;
        upvest
            .refuses(Signed::new(Method::GET, path, &wrong), 403, scope)
            .await;
    }
}

#[tokio::test]
async fn a_token_is_given_to_who_knows_the_secret() {
    let upvest = Upvest::start().await;
    let form = |body: &str| token_request("x:y").body("application/x-www-form-urlencoded", body);
    let cases = [
        (
            format!("client_id={CLIENT_ID}&client_secret=wrong&grant_type=client_credentials&scope=a%3Ab"),
            401,
        ),
        (
            format!("client_id={CLIENT_ID}&client_secret={SECRET}&grant_type=password&scope=a%3Ab"),
            400,
        ),
        (
            format!("client_id={CLIENT_ID}&client_secret={SECRET}&grant_type=client_credentials&scope="),
            400,
        ),
    ];
    for (body, status) in cases {
        upvest.refuses(form(&body), status, "").await;
    }
}
