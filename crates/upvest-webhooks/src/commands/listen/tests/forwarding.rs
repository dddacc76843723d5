//! Forwarding while a screen shows it.

use jiff::tz::TimeZone;
use operator::watch::WatchedDelivery;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::forwarder::Forwarder;
use super::*;
use crate::screen::{Command, News, Posting};

/// What a forwarder told, by what was asked for.
struct Forwarded {
    app: App,
    told: Vec<String>,
}

fn app(form: Form) -> App {
    App::new(Setting {
        title: "a receiver in process".to_owned(),
        quarantine_only: false,
        form: Some(form),
        zone: TimeZone::UTC,
        has_colours: false,
    })
}

/// Forwards what the archive has, or what was ordered, to an app.
async fn forward(site: &Deployment, line: &str, app: App, orders: Vec<WatchedDelivery>) -> Forwarded {
    let words = std::iter::once("listen").chain(line.split_whitespace());
    let arguments = Line::try_parse_from(words).unwrap().listen;
    let (telling, mut news) = mpsc::channel(1000);
    let forwarder = Forwarder {
        listener: Listener::new(&site.stack, arguments.form()).unwrap(),
        poster: arguments.poster().unwrap().unwrap(),
        form: arguments.form(),
        news: telling,
    };
    let (sender, updates) = mpsc::channel(1000);
    if orders.is_empty() {
        let reader = Reader::new(&site.stack, arguments.filter(), false, false).unwrap();
        let mut feed = Feed::new(reader, arguments.watch(&site.clock()), site.clock());
        let _ = feed.look(&sender).await.unwrap();
    }
    drop(sender);
    let (ordering, ordered) = mpsc::unbounded_channel();
    orders.into_iter().for_each(|order| ordering.send(order).unwrap());
    drop(ordering);
    forwarder.run(updates, ordered).await.unwrap();
    let (mut app, mut told) = (app, Vec::new());
    while let Ok(one) = news.try_recv() {
        told.push(match &one {
            News::Seen(_) => "seen".to_owned(),
            News::Posting {
                event_id, posting, ..
            } => {
                let became = match posting {
                    Posting::Begun => "begun".to_owned(),
                    Posting::Answered(post) => post.status.unwrap_or_default().to_string(),
                    Posting::Missing => "missing".to_owned(),
                    Posting::Nothing => "nothing".to_owned(),
                };
                format!("{} {became}", event_id.as_deref().unwrap_or("all"))
            }
        });
        app.take(one);
    }
    Forwarded { app, told }
}

fn press(app: &mut App, key: char) -> Vec<WatchedDelivery> {
    match app.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE)) {
        Command::Post { rows } => rows.into_iter().filter_map(|row| app.order(row)).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_screen_is_told_of_each_event_before_it_is_posted_and_what_was_answered() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let program = Program::answering(&[500]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let first = forward(&site, &line, app(Form::Changes), Vec::new()).await;
    assert_eq!(
        first.told,
        ["seen", "o1-1 begun", "o1-1 500", "o2-1 begun", "o2-1 200"]
    );
    let mut app = first.app;
    assert_eq!((app.tally().taken, app.tally().not_taken), (1, 1));

    let orders = press(&mut app, 'R');
    let again = forward(&site, &line, app, orders).await;
    assert_eq!(again.told, ["o1-1 begun", "o1-1 200"]);
    assert_eq!((again.app.tally().taken, again.app.tally().not_taken), (2, 0));
    let bodies = program.bodies();
    assert_eq!((bodies.len(), &bodies[2]), (3, &bodies[0]));
}

#[tokio::test]
async fn a_delivery_is_posted_again_as_it_was_signed() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let program = Program::answering(&[]).await;
    let line = format!("--raw --since 1h --forward-to {}", program.url);
    let first = forward(&site, &line, app(Form::Deliveries), Vec::new()).await;
    assert_eq!(first.told, ["seen", "all begun", "all 200"]);
    let mut app = first.app;
    let orders = press(&mut app, 'r');
    forward(&site, &line, app, orders).await;
    let bodies = program.bodies();
    assert_eq!((bodies.len(), &bodies[1]), (2, &bodies[0]));
}

#[tokio::test(start_paused = true)]
async fn what_came_before_and_what_the_log_lacks_keeps_nobody_waiting() {
    let site = Deployment::new().await;
    let twice = order("o1", 1, "NEW");
    site.deliver(std::slice::from_ref(&twice)).await;
    site.pass(120);
    site.deliver(&[twice, order("o2", 1, "NEW")]).await;
    site.delete("events", "o2-1").await;
    // Nothing is posted, so that nobody has to be there.
    let line = "--since 1m --forward-to http://127.0.0.1:1/changes";
    let forwarded = forward(&site, line, app(Form::Changes), Vec::new()).await;
    assert_eq!(forwarded.told, ["seen", "o2-1 missing", "o1-1 nothing"]);
}
