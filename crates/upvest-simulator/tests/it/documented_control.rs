//! What docs/local-stack.md says can be asked of a running simulator.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use reqwest::{Client, Method};
use upvest_simulator::{Options, Simulator, Subscription, api};

const PAGE: &str = include_str!("../../../../docs/local-stack.md");
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The sources that have the routes of the control.
const ROUTES: [&str; 2] = [
    include_str!("../../src/api/control.rs"),
    include_str!("../../src/api/control/behaviour.rs"),
];

/// A request of the page: what the shell function of its method is called with.
struct Example {
    method: Method,
    path: &'static str,
    body: String,
}

/// Reads the requests of the page, in their order.
fn examples() -> Vec<Example> {
    let methods = [
        ("get ", Method::GET),
        ("post ", Method::POST),
        ("delete ", Method::DELETE),
    ];
    let mut examples = Vec::new();
    for line in PAGE.lines() {
        for (function, method) in &methods {
            let Some(arguments) = line.strip_prefix(function) else {
                continue;
            };
            let (path, body) = arguments.split_once(' ').unwrap_or((arguments, ""));
            let body = match body.strip_prefix('@') {
                Some(file) => {
                    let file = Path::new(REPOSITORY).join(file);
                    std::fs::read_to_string(&file).expect("the page names a file that is there")
                }
                None => body.trim_matches('\'').to_owned(),
            };
            let method = method.clone();
            examples.push(Example { method, path, body });
        }
    }
    examples
}

#[tokio::test]
async fn every_request_on_the_page_is_accepted() {
    let simulator = Arc::new(Simulator::start(Options::default()).expect("valid options"));
    let subscription = Subscription::new("SUBSCRIPTION", "http://127.0.0.1:9/".parse().unwrap());
    simulator.subscribe(subscription).unwrap();
    let listener = api::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}/simulator", listener.local_addr().unwrap());
    tokio::spawn(api::serve(listener, Arc::clone(&simulator)));
    let http = Client::builder().no_proxy().build().unwrap();
    for Example { method, path, body } in examples() {
        let mut request = http.request(method.clone(), format!("{base}/{path}"));
        if method != Method::GET {
            request = request
                .header("content-type", "application/json")
                .body(body.clone());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let said = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path} {body}: {status} {said}");
    }
}

#[test]
fn every_route_of_the_control_is_on_the_page() {
    let shown: BTreeSet<&str> = examples().iter().map(|example| example.path).collect();
    let routes: BTreeSet<&str> = ROUTES
        .iter()
        .flat_map(|source| source.split(".route(\"/").skip(1))
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(routes.len() > 15, "{routes:?}");
    assert_eq!(shown, routes);
}
