//! Listening to a receiver in process, with programs that answer as they like.

mod ending;
mod forwarding;
mod trouble;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use clap::Parser;
use operator::listen::{HeardDelivery, HeardEvent, Post};
use operator::watch::Update;
use serde_json::Value;
use upvest::signature::{Dialect, SigningKey};
use upvest::synthetic::canary_delivery;
use webhook_tests::deliveries::{event, import_secret, order, topup};
use webhook_tests::deployment::Deployment;
use webhook_tests::receiver::CHANGES;
use webhook_tests::schemas::assert_fits;

use super::lines::{line, text};
use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    listen: Arguments,
}

/// A program that answers with these statuses, and then with 200; what it was posted.
#[derive(Clone)]
struct Program {
    url: String,
    posted: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

/// Where a console writes: kept, and after so many writes broken as a pipe that nobody reads any more.
#[derive(Clone, Default)]
struct Screen(Rc<RefCell<Vec<u8>>>, Option<usize>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.1 {
            Some(0) => return Err(io::ErrorKind::BrokenPipe.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Program {
    async fn answering(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/changes", listener.local_addr().unwrap());
        let posted = Arc::new(Mutex::new(Vec::new()));
        let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
        let taken = Arc::clone(&posted);
        let router = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            taken.lock().unwrap().push((headers, body));
            let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
            // Stands for a program that hangs.
            if status == 0 {
                std::future::pending::<()>().await;
            }
            StatusCode::from_u16(status).unwrap()
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, posted }
    }

    fn bodies(&self) -> Vec<String> {
        self.posted
            .lock()
            .unwrap()
            .iter()
            .map(|(_, body)| body.clone())
            .collect()
    }
}

/// What a session told, and whether the program took all.
struct Output {
    printed: String,
    notes: String,
    all_taken: bool,
}

/// Listens until all that there is was heard, and then presses keys.
async fn listen(site: &Deployment, line: &str, keys: &[Key]) -> Output {
    listen_on(site, line, keys, Screen::default()).await
}

async fn listen_on(site: &Deployment, line: &str, keys: &[Key], screen: Screen) -> Output {
    let notes = Screen::default();
    let mut session = caught_up(site, line, &screen, &notes).await;
    let (_idle, updates) = mpsc::channel(1);
    session.run(updates, Some(pressed(keys))).await.unwrap();
    session.end();
    Output {
        all_taken: session.all_taken(),
        printed: screen.text(),
        notes: notes.text(),
    }
}

/// Listens until all that there is was heard.
async fn caught_up(site: &Deployment, line: &str, screen: &Screen, notes: &Screen) -> Session {
    let (mut session, updates) = prepared(site, line, screen, notes).await;
    session.run(updates, None).await.unwrap();
    session
}

/// Prepares to listen; gives all that there is to be heard, too.
async fn prepared(
    site: &Deployment,
    line: &str,
    screen: &Screen,
    notes: &Screen,
) -> (Session, mpsc::Receiver<Update>) {
    let words = std::iter::once("listen").chain(line.split_whitespace());
    let arguments = Line::try_parse_from(words).unwrap().listen;
    let console = Console::to(Box::new(screen.clone()), Box::new(notes.clone()));
    let page = Page {
        is_json: line.contains("--json-lines"),
        width: Some(80),
    };
    let session = arguments.session(&site.stack, page, console).unwrap();
    let (sender, updates) = mpsc::channel(1000);
    let mut feed = Feed::new(
        Reader::new(&site.stack, arguments.filter(), false, false).unwrap(),
        arguments.watch(&site.clock()),
        site.clock(),
    );
    let _ = feed.look(&sender).await.unwrap();
    (session, updates)
}

fn pressed(keys: &[Key]) -> mpsc::UnboundedReceiver<Key> {
    let (pressing, pressed) = mpsc::unbounded_channel();
    keys.iter().for_each(|key| pressing.send(*key).unwrap());
    pressed
}

async fn heard(site: &Deployment, form: Form) -> Vec<HeardDelivery> {
    let arguments = Line::try_parse_from(["listen", "--print", "--since", "1h"])
        .unwrap()
        .listen;
    let reader = Reader::new(&site.stack, arguments.filter(), false, false).unwrap();
    let mut feed = Feed::new(reader, arguments.watch(&site.clock()), site.clock());
    let (sender, mut updates) = mpsc::channel(1000);
    let _ = feed.look(&sender).await.unwrap();
    let listener = Listener::new(&site.stack, form).unwrap();
    let mut all = Vec::new();
    while let Ok(Update::Delivery(delivery)) = updates.try_recv() {
        all.push(listener.hear(&delivery).await.unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_change_is_heard_as_the_bus_has_it() {
    let site = Deployment::new().await;
    let batches = [
        vec![order("o1", 1, "NEW"), topup("t1", 1, "CONFIRMED")],
        vec![order("o1", 4, "FILLED")],
        // Late: what it says was so before.
        vec![order("o1", 2, "PROCESSING")],
        vec![
            event("x1", 3, "SPACESHIP.LAUNCHED", r#"{"id":"s1"}"#),
            topup("t1", 5, "SETTLED"),
        ],
    ];
    for batch in &batches {
        site.deliver(batch).await;
        site.pass(1);
    }
    let mut published: Vec<Value> = (site.receiver.aws.published(CHANGES).iter())
        .map(|entry| serde_json::from_str(&entry.detail).unwrap())
        .collect();
    let heard = heard(&site, Form::Changes).await;
    let mut changes: Vec<Value> = (heard.iter())
        .flat_map(|delivery| &delivery.heard)
        .map(|heard| serde_json::from_str(&heard.body).unwrap())
        .collect();
    assert_eq!(changes.len(), 6);
    assert!(changes.iter().any(|change| change["late"] == true), "{changes:?}");
    let by_id = |change: &Value| change["event"]["id"].to_string();
    published.sort_by_key(by_id);
    changes.sort_by_key(by_id);
    assert_eq!(changes, published);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_heard_once_and_the_canary_not_at_all() {
    let site = Deployment::new().await;
    let twice = order("o1", 1, "NEW");
    site.deliver(&[twice.clone(), twice.clone()]).await;
    site.pass(1);
    site.deliver(&[twice, order("o1", 2, "FILLED")]).await;
    site.pass(1);
    let (_, canary) = canary_delivery("run", site.now());
    let canary: Value = serde_json::from_slice(&canary).unwrap();
    let secret = b"sixteen bytes or more";
    import_secret(&site.receiver.aws, "ours", secret).await;
    let key = SigningKey::hmac("ours", Dialect::UnquotedDigest, secret.to_vec().into()).unwrap();
    site.store_signed(&key, &[canary["payload"][0].to_string()]).await;
    let heard = heard(&site, Form::Changes).await;
    let counts: Vec<usize> = heard.iter().map(|delivery| delivery.heard.len()).collect();
    assert_eq!(counts, [1, 1, 0]);
    assert!(
        heard.iter().all(|delivery| delivery.missing.is_empty()),
        "{heard:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_log_lacks_is_told_as_missing() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let lost = site.receiver.stored("events").remove(0);
    site.delete("events", &lost).await;
    let heard = heard(&site, Form::Changes).await;
    assert_eq!((heard[0].heard.len(), &heard[0].missing), (1, &vec![lost]));
}

#[tokio::test]
async fn the_program_gets_the_change_or_the_delivery_as_it_was_signed() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let program = Program::answering(&[]).await;
    let told = listen(&site, &format!("--since 1h --forward-to {}", program.url), &[]).await;
    assert!(
        told.all_taken && told.notes.ends_with("2 posted: 2 taken, 0 not taken\n"),
        "{}",
        told.notes
    );
    let change: Value = serde_json::from_str(&program.bodies()[0]).unwrap();
    assert_eq!(
        (&change["entity"], &change["current"]["status"]),
        (&"ORDER#o1".into(), &"NEW".into())
    );

    let program = Program::answering(&[]).await;
    let told = listen(
        &site,
        &format!("--raw --since 1h --forward-to {}", program.url),
        &[],
    )
    .await;
    assert!(
        told.printed.contains("delivery") && told.printed.contains("ORDER#o2"),
        "{}",
        told.printed
    );
    let posted = program.posted.lock().unwrap();
    let [(headers, body)] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    let archived = site.archived(&site.verified()[0]);
    assert_eq!(archived["body"], body.as_str());
    assert!(
        headers.contains_key("signature") && headers.contains_key("signature-input"),
        "{headers:?}"
    );
    assert!(headers["host"].to_str().unwrap().starts_with("127.0.0.1"));
}

#[tokio::test]
async fn what_the_program_does_not_take_is_posted_again_by_key() {
    let site = Deployment::new().await;
    site.deliver(&[
        order("o1", 1, "NEW"),
        order("o2", 1, "NEW"),
        order("o3", 1, "NEW"),
    ])
    .await;
    let program = Program::answering(&[500, 302, 200]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let told = listen(&site, &line, &[]).await;
    assert!(
        !told.all_taken && told.notes.ends_with("3 posted: 1 taken, 2 not taken\n"),
        "{}",
        told.notes
    );
    assert!(
        told.printed.contains("✗ 500 in ") && told.printed.contains("✗ 302 in "),
        "{}",
        told.printed
    );

    let program = Program::answering(&[500, 302, 200]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let told = listen(&site, &line, &[Key::RepeatFailed, Key::Repeat, Key::RepeatFailed]).await;
    assert!(
        told.all_taken && told.notes.ends_with("3 posted: 3 taken, 0 not taken\n"),
        "{}",
        told.notes
    );
    assert!(
        told.notes.contains("there is nothing that was not taken"),
        "{}",
        told.notes
    );
    let bodies = program.bodies();
    assert_eq!(bodies.len(), 6);
    assert_eq!(
        bodies[3..],
        [bodies[0].clone(), bodies[1].clone(), bodies[2].clone()]
    );
}

#[tokio::test]
async fn a_program_that_is_down_or_hangs_is_told_and_ends_nothing() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let told = listen(
        &site,
        "--since 1h --forward-to http://127.0.0.1:1/changes",
        &[Key::RepeatFailed],
    )
    .await;
    assert!(!told.all_taken, "{}", told.printed);
    assert_eq!(
        told.printed.matches("✗ nothing listens there").count(),
        4,
        "{}",
        told.printed
    );

    let program = Program::answering(&[0]).await;
    let line = format!("--since 1h --timeout 50ms --forward-to {}", program.url);
    let told = listen(&site, &line, &[]).await;
    assert!(told.printed.contains("✗ no answer in time"), "{}", told.printed);
    assert!(
        told.notes.ends_with("2 posted: 1 taken, 1 not taken\n"),
        "{}",
        told.notes
    );
}

#[tokio::test(start_paused = true)]
async fn printing_alone_posts_nothing_and_ends_at_a_closed_pipe_or_a_count() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let told = listen(
        &site,
        "--print --since 1h --type order.new --entity ORDER#o2",
        &[Key::Repeat],
    )
    .await;
    assert!(
        told.printed.starts_with("ORDER.NEW  ORDER#o2  event "),
        "{}",
        told.printed
    );
    assert!(
        told.printed.contains("\n  \"schema_version\": 1,\n"),
        "{}",
        told.printed
    );
    assert_eq!(told.notes, "nothing is posted: q ends it\n");
    assert!(told.all_taken);

    let told = listen(&site, "--print --since 1h --count 1", &[]).await;
    assert_eq!(
        told.printed.matches("schema_version").count(),
        1,
        "{}",
        told.printed
    );

    let broken = Screen(Rc::default(), Some(0));
    let told = listen_on(&site, "--print --since 1h", &[], broken).await;
    assert!(told.all_taken && told.printed.is_empty());
}

fn an_order() -> operator::listen::Heard {
    operator::listen::Heard {
        received_at: "2026-01-05T09:30:01Z".parse().unwrap(),
        delivery_id: "019b8d70-3d1a-7aa5-8123-456789abcdef".to_owned(),
        events: vec![HeardEvent {
            event_id: "synthetic-1a9eca6b-4294-4260-a20c-2a23e852f2a2".to_owned(),
            r#type: "ORDER.FILLED".to_owned(),
            entity: Some("ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4".to_owned()),
        }],
        headers: Vec::new(),
        body: "{\"a\":\n\"\u{9b}\"}".to_owned(),
    }
}

#[test]
fn a_line_fits_eighty_columns_and_no_id_is_broken() {
    let post = Post {
        status: None,
        error: Some("nothing listens there"),
        attempts: 3,
        took_ms: 1234,
    };
    let shown = crate::output::laid_out(Some(80), || text(&an_order(), Some(&post)));
    insta::assert_snapshot!(shown, @r"
    ✗ nothing listens there in 1234 ms, 3 attempts  ORDER.FILLED
        ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
        event synthetic-1a9eca6b-4294-4260-a20c-2a23e852f2a2
    ");
    let wide = crate::output::laid_out(None, || text(&an_order(), None));
    assert_eq!(wide.lines().count(), 1);
}

#[test]
fn a_line_of_json_is_one_line_that_steers_no_terminal() {
    let post = Post {
        status: Some(204),
        error: None,
        attempts: 1,
        took_ms: 7,
    };
    let line = line(&an_order(), Some(&post), true).unwrap();
    assert!(!line.chars().any(char::is_control), "{line}");
    let parsed: Value = serde_json::from_str(&line).unwrap();
    assert_fits("listen", &parsed);
    assert_eq!(
        (&parsed["post"]["status"], &parsed["body"]["a"]),
        (&204.into(), &"\u{9b}".into())
    );
    assert_eq!(parsed["events"][0]["type"], "ORDER.FILLED");
}

#[test]
fn something_is_to_be_posted_to_or_printed() {
    let parsed = |line: &str| Line::try_parse_from(line.split(' ')).is_ok();
    assert!(parsed("listen --print") && parsed("listen --forward-to http://localhost:3000/changes --raw"));
    assert!(
        !parsed("listen") && !parsed("listen --print --count 0") && !parsed("listen --print --entity o1")
    );
}
