//! Who makes clients of the services that the receiver uses: one file, which knows what such a client needs.

use std::fs;

use super::{files, is_shipped, root};

/// Names the file that makes them.
const HOME: &str = "crates/pipeline/src/runtime/aws.rs";
/// Names the libraries of the services.
const SERVICES: [&str; 5] = ["dynamodb", "eventbridge", "s3", "secretsmanager", "sqs"];
/// Lists what makes a client, in a library.
const MAKERS: [&str; 3] = ["Client::new(", "Client::from_conf(", "config::Builder::from("];

/// Tells whether a line makes a client of such a service.
fn makes_a_client(line: &str) -> bool {
    let is_made_by = |service: &str, maker: &str| line.contains(&format!("aws_sdk_{service}::{maker}"));
    let of_service = |service: &&str| MAKERS.iter().any(|maker| is_made_by(service, maker));
    SERVICES.iter().any(of_service)
}

#[test]
fn clients_of_the_receivers_services_are_made_in_one_place() {
    let mut others = Vec::new();
    for file in files().into_iter().filter(|file| is_shipped(file)) {
        let text = fs::read_to_string(root().join(&file)).expect("a file of ours is text");
        if text.lines().any(makes_a_client) {
            others.push(file.display().to_string());
        }
    }
    assert_eq!(others, [HOME]);
}

#[test]
fn a_client_is_told_from_what_looks_like_one() {
    assert!(makes_a_client("    let s3 = aws_sdk_s3::Client::new(config);"));
    assert!(makes_a_client("aws_sdk_sqs::config::Builder::from(aws)"));
    for other in [
        "client: aws_sdk_s3::Client,",
        "aws_sdk_s3::config::Builder::new().timeout_config(patience)",
        "aws_sdk_sts::Client::new(config)",
    ] {
        assert!(!makes_a_client(other), "{other}");
    }
}
