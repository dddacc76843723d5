//! Reports and files.

use serde_json::json;
use upvest_api::{Download, Error, ResourceId};
use upvest_simulator::Trouble;

use crate::upvest::Upvest;

const REPORT: &str = "b96b1ee7-d491-43eb-b5e4-4833af9c9c2f";

async fn upvest_with_documents() -> Upvest {
    let upvest = Upvest::start().await;
    let report = json!({"id": REPORT, "created_at": "2020-08-24T14:15:22Z",
                        "user_id": "d1a4be99-8bb6-4e78-b897-8168f6823ab5", "type": "A_NEW_TYPE",
                        "substituted_report_id": null, "data": {"account": {"id": "a9a4ad54"}}, "new_member": 1});
    let event = json!({"id": "8962b496-8d42-4560-bfab-10490dd1a721", "created_at": "2021-07-21T14:10:00.00Z",
                       "type": "REPORT.CREATED", "object": report, "webhook_id": "s"});
    upvest.simulator.queue(&event.to_string()).unwrap();
    upvest
}

fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

async fn bytes(mut download: Download) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = download.chunk().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

#[tokio::test]
async fn a_report_that_an_event_spoke_of_comes_as_json_and_pdf() {
    let upvest = upvest_with_documents().await;
    let client = upvest.client();
    let report = client.report(&id(REPORT)).await.unwrap();
    assert_eq!(
        (report.kind.as_str(), report.substituted_report_id),
        ("A_NEW_TYPE", None)
    );
    assert_eq!(report.data["account"]["id"], "a9a4ad54");

    let pdf = client.report_pdf(&id(REPORT)).await.unwrap();
    assert_eq!(pdf.content_type(), Some("application/pdf"));
    let length = pdf.content_length().unwrap();
    let pdf = bytes(pdf).await;
    assert!(pdf.starts_with(b"%PDF-"));
    assert_eq!(u64::try_from(pdf.len()).unwrap(), length);
}

#[tokio::test]
async fn a_report_that_is_not_there_is_told() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    assert!(client.report(&id(REPORT)).await.unwrap_err().is_not_found());
    assert!(client.report_pdf(&id(REPORT)).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_pdf_is_asked_for_again_like_anything_else() {
    let upvest = upvest_with_documents().await;
    upvest.simulator.add_trouble(Trouble {
        answers: 2,
        status: Some(503),
        path_prefix: Some("/reports".to_owned()),
        ..Trouble::default()
    });
    let pdf = upvest.client().report_pdf(&id(REPORT)).await.unwrap();
    assert!(!bytes(pdf).await.is_empty());
    assert_eq!(upvest.statuses(&format!("/reports/{REPORT}")), [503, 503, 200]);
}

#[tokio::test]
async fn a_file_comes_from_its_storage_without_our_credentials() {
    let upvest = Upvest::start().await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    upvest
        .simulator
        .put_file("settlement_reports", "a b%2F_2.csv", content.clone());
    let mut download = upvest
        .client()
        .file("settlement_reports", "a b%2F_2.csv")
        .await
        .unwrap();
    let mut received = Vec::new();
    let mut pieces = 0;
    while let Some(piece) = download.chunk().await.unwrap() {
        received.extend_from_slice(&piece);
        pieces += 1;
    }
    assert!(received == content, "{} bytes", received.len());
    assert!(pieces > 1);

    let requests = upvest.simulator.api_requests();
    let stored = requests
        .iter()
        .find(|request| request.path.starts_with("/storage/"))
        .unwrap();
    let names = stored.headers.join(" ");
    assert_eq!(stored.status, 200);
    assert!(
        !names.contains("authorization") && !names.contains("signature") && !names.contains("upvest-"),
        "{names}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told() {
    let upvest = Upvest::start().await;
    let client = upvest.client();
    assert!(
        client
            .file("settlement_reports", "none.csv")
            .await
            .unwrap_err()
            .is_not_found()
    );

    upvest.simulator.put_file("settlement_reports", "file.csv", "1;2");
    assert_eq!(
        bytes(client.file("settlement_reports", "file.csv").await.unwrap()).await,
        b"1;2"
    );
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_not_asked_for() {
    let upvest = Upvest::start().await;
    for (namespace, name) in [
        ("..", "webhooks"),
        ("reports", "../webhooks"),
        ("a", ""),
        ("a", "b\n"),
    ] {
        let refused = upvest.client().file(namespace, name).await;
        assert!(
            matches!(refused, Err(Error::InvalidName(_))),
            "{namespace}/{name}"
        );
    }
    assert!(upvest.simulator.api_requests().is_empty());
}
