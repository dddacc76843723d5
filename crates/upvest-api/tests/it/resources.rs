//! Reading users, accounts, orders, payments, reports.

use std::collections::BTreeSet;

use serde_json::Value;
use upvest_api::{Client, Error, Fetched, Listing, Parent, RESOURCES, Resource, ResourceId, Scope};
use upvest_simulator::{Trouble, generate};

use crate::upvest::Upvest;

/// An Upvest where some hundred events have happened.
async fn lively() -> Upvest {
    let upvest = Upvest::start().await;
    let events = format!("[{}]", generate(3, 600).join(","));
    upvest.simulator.lose(&events).unwrap();
    let accounts = listed(&upvest.client(), Resource::of("ACCOUNT").unwrap()).await;
    let liquidation = serde_json::json!({"id": "l1", "account_id": id(&accounts[0]), "status": "NEW"});
    upvest.simulator.put_object("ACCOUNT_LIQUIDATION", liquidation);
    upvest
}

fn id(fetched: &Fetched) -> ResourceId {
    let object: Value = serde_json::from_str(fetched.object.get()).unwrap();
    object["id"].as_str().unwrap().parse().unwrap()
}

async fn listed(client: &Client, resource: &Resource) -> Vec<Fetched> {
    let (list, parents) = match resource.listing {
        Listing::One(list) => (list, vec![None]),
        Listing::Each { parent, list } => {
            let parents = Box::pin(listed(client, Resource::of(parent).unwrap())).await;
            let parent = |parent: &Fetched| serde_json::from_str::<Parent>(parent.object.get()).unwrap();
            (list, parents.iter().map(parent).map(Some).collect())
        }
        _ => return Vec::new(),
    };
    let mut all = Vec::new();
    for parent in parents {
        let mut pages = client.pages(resource.scope, list, parent.as_ref());
        loop {
            match pages.next().await {
                Ok(Some(page)) => all.extend(page),
                // An account group may have no balance yet.
                Err(error) if error.is_not_found() => break,
                ended => {
                    assert!(ended.unwrap().is_none());
                    break;
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn what_is_listed_can_be_read_one_by_one_with_a_token_of_its_own_scope() {
    let upvest = lively().await;
    let client = upvest.client();
    for resource in RESOURCES {
        let all = listed(&client, resource).await;
        let different: BTreeSet<&str> = all.iter().map(|fetched| fetched.object.get()).collect();
        assert_eq!(different.len(), all.len(), "{}", resource.category);
        assert!(
            !all.is_empty() || !matches!(resource.listing, Listing::One(_) | Listing::Each { .. }),
            "{} has none",
            resource.category
        );
        for fetched in all.iter().take(3).filter(|_| resource.has_path()) {
            let read = client.read(resource, &id(fetched)).await.unwrap().unwrap();
            assert_eq!(read.object.get(), fetched.object.get());
        }
    }
    let wanted: BTreeSet<&str> = RESOURCES.iter().map(|resource| resource.scope.as_str()).collect();
    let asked = upvest.simulator.api_requests();
    let asked: BTreeSet<&str> = asked
        .iter()
        .filter_map(|request| request.scope.as_deref())
        .collect();
    assert!(wanted.is_subset(&asked), "{asked:?}");
}

#[tokio::test]
async fn fees_are_listed_by_account_and_group_and_positions_without_an_order() {
    let upvest = Upvest::start().await;
    for account in ["a1", "a2"] {
        let group = account.replace('a', "g");
        let object = serde_json::json!({"id": account, "account_group_id": group});
        upvest.simulator.put_object("ACCOUNT", object);
        let fee = serde_json::json!({"id": format!("f-{account}"), "account_id": account, "account_group_id": group});
        upvest.simulator.put_object("FEE_COLLECTION", fee);
    }
    let client = upvest.client();
    let fees = listed(&client, Resource::of("FEE_COLLECTION").unwrap()).await;
    let ids: Vec<String> = fees.iter().map(|fee| id(fee).into()).collect();
    assert_eq!(ids, ["f-a1", "f-a2"]);
    let query = upvest.requests("/fees/collections")[0].query.clone();
    assert_eq!(
        query.as_deref(),
        Some("order=ASC&offset=0&limit=500&account_id=a1&account_group_id=g1")
    );
    listed(&client, Resource::of("POSITION").unwrap()).await;
    let query = upvest.requests("/accounts/a1/positions")[0].query.clone();
    assert_eq!(query.as_deref(), Some("offset=0&limit=500"));
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let upvest = Upvest::start().await;
    for number in 0..1_203 {
        let created_at = format!("2026-01-05T08:{:02}:{:02}Z", number / 60, number % 60);
        let user = serde_json::json!({"id": format!("u{number}"), "created_at": created_at});
        upvest.simulator.put_object("USER", user);
    }
    let users = listed(&upvest.client(), Resource::of("USER").unwrap()).await;
    assert_eq!(users.len(), 1_203);
    let queries: Vec<_> = upvest
        .requests("/users")
        .into_iter()
        .filter_map(|request| request.query)
        .collect();
    assert_eq!(
        queries,
        [0, 500, 1000].map(|offset| format!("order=ASC&offset={offset}&limit=500"))
    );
}

#[tokio::test]
async fn what_is_not_there_is_none_and_what_is_refused_an_error() {
    let upvest = lively().await;
    let client = upvest.client();
    let orders = Resource::of("ORDER").unwrap();
    let missing: ResourceId = "no-such-order".parse().unwrap();
    assert!(client.read(orders, &missing).await.unwrap().is_none());
    upvest.simulator.add_trouble(Trouble {
        answers: 1,
        status: Some(403),
        path_prefix: Some("/orders".to_owned()),
        ..Trouble::default()
    });
    let refused = client.read(orders, &missing).await.unwrap_err();
    assert_eq!(refused.status(), Some(403));
    assert!(refused.hint().unwrap().to_string().contains("orders:read"));
}

#[tokio::test]
async fn an_order_has_its_executions_as_they_are_by_now() {
    let upvest = lively().await;
    let client = upvest.client();
    let mut settled = 0;
    for order in listed(&client, Resource::of("ORDER").unwrap()).await {
        let order: Value = serde_json::from_str(order.object.get()).unwrap();
        let executions = order["executions"].as_array().unwrap().iter();
        settled += executions
            .filter(|execution| execution["status"] == "SETTLED")
            .count();
    }
    assert!(settled > 0);
}

#[tokio::test]
async fn a_scope_is_authorized_or_refused_and_the_clocks_are_compared() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    assert_eq!(client.clock_ahead_seconds(), None);
    client.authorize(Scope::OrdersRead).await.unwrap();
    assert!(client.clock_ahead_seconds().unwrap().abs() <= 2);
    upvest.simulator.add_trouble(Trouble {
        answers: 1,
        status: Some(403),
        path_prefix: Some("/auth/token".to_owned()),
        ..Trouble::default()
    });
    let refused = client.authorize(Scope::UsersRead).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Token {
                scope: Scope::UsersRead,
                ..
            }
        ),
        "{refused}"
    );
}
