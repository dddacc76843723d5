//! The screen as it looks, and what keys do to it.

mod colours;
mod keys;
mod posting;

use insta::assert_snapshot;
use jiff::tz::{TimeZone, offset};
use operator::explain::Explanation;
use operator::listen::Form;
use operator::watch::{EntityState, Outcome, Update, WatchedDelivery, WatchedEvent};
use pipeline::stores::archive::{QUARANTINE_PREFIX, VERIFIED_PREFIX};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::model::{Command, News, Setting};
use super::*;

/// Terminals that people have: half a screen, the usual one, a wide one, and all of a large screen.
const WIDTHS: [u16; 4] = [60, 80, 120, 200];

fn now() -> Timestamp {
    "2026-01-05T09:30:30Z".parse().unwrap()
}

fn setting() -> Setting {
    Setting {
        title: "webhooks-live, eu-central-1".to_owned(),
        quarantine_only: false,
        form: None,
        zone: TimeZone::fixed(offset(1)),
        has_colours: true,
    }
}

fn app() -> App {
    App::new(setting())
}

fn delivery(second: u8, result: Outcome, reason: Option<&str>, events: Vec<WatchedEvent>) -> WatchedDelivery {
    let id = format!("019b8d9a-7f0{second:x}-7def-8123-456789abcdef");
    let shelf = match reason {
        Some(reason) => format!("{QUARANTINE_PREFIX}{reason}/"),
        None => VERIFIED_PREFIX.to_owned(),
    };
    WatchedDelivery {
        received_at: format!("2026-01-05T09:30:{second:02}.120Z").parse().unwrap(),
        archived_at: format!("{shelf}2026/01/05/09/{id}"),
        delivery_id: id,
        result,
        reason: reason.map(str::to_owned),
        source_address: Some("34.90.198.99".to_owned()),
        key_id: Some("0b4bd5e2-93f4-4a0f-9a5c-0d5d6d1f0c11".to_owned()),
        out_of_time: None,
        flags: Vec::new(),
        body_bytes: 1234,
        events,
    }
}

fn seen(position: usize, event_type: &str, entity: &str, status: Option<(&str, bool)>) -> WatchedEvent {
    WatchedEvent {
        position,
        event_id: format!("1dffadfa-612c-4c01-ae66-66d745b11e{position:02}"),
        r#type: event_type.to_owned(),
        entity: Some(entity.to_owned()),
        occurred_at: Some("2026-01-05T09:29:58.000000000Z".to_owned()),
        time_flag: None,
        state: status.map(|(status, processed)| EntityState {
            status: Some(status.to_owned()),
            processed,
        }),
        object: None,
    }
}

fn sight(app: &mut App, delivery: WatchedDelivery) {
    app.take(News::Seen(Update::Delivery(Box::new(delivery))));
    app.take(News::Seen(Update::CaughtUp));
}

fn running() -> App {
    filled(app())
}

fn filled(mut app: App) -> App {
    let order = "ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4";
    let user = "USER#2a4e0f0c-8a07-4a58-8d3c-0f6a4d1c2b3e";
    let first = vec![
        seen(0, "ORDER.NEW", order, Some(("NEW", true))),
        seen(1, "USER_CHECK.PASSED", user, Some(("ACTIVE", true))),
    ];
    sight(&mut app, delivery(1, Outcome::Verified, None, first));
    let forged = delivery(4, Outcome::Quarantined, Some("bad-signature"), Vec::new());
    sight(&mut app, forged);
    let last = vec![
        seen(0, "EXECUTION.FILLED", order, Some(("NEW", false))),
        seen(1, "ORDER.FILLED", order, Some(("NEW", false))),
    ];
    let late = WatchedDelivery {
        out_of_time: Some("expired".to_owned()),
        ..delivery(9, Outcome::Verified, None, last)
    };
    sight(&mut app, late);
    app
}

fn press(app: &mut App, keys: &str) -> Command {
    let code = |key| match key {
        '\n' => KeyCode::Enter,
        '\u{1b}' => KeyCode::Esc,
        '\u{8}' => KeyCode::Backspace,
        '↑' => KeyCode::Up,
        '↓' => KeyCode::Down,
        key => KeyCode::Char(key),
    };
    let mut last = Command::Draw;
    for key in keys.chars() {
        last = app.press(KeyEvent::new(code(key), KeyModifiers::NONE));
    }
    last
}

/// The screen's text, without the space at the ends of lines.
fn screen(app: &mut App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app, now())).unwrap();
    text(terminal.backend().buffer(), width)
}

fn text(buffer: &Buffer, width: u16) -> String {
    let cells = buffer.content().chunks(usize::from(width));
    let lines = cells.map(|cells| cells.iter().map(|cell| cell.symbol()).collect::<String>());
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn nothing_has_come_yet() {
    let mut app = app();
    assert!(screen(&mut app, 80, 10).contains("looking into the archive ..."));
    app.take(News::Seen(Update::CaughtUp));
    assert_snapshot!(screen(&mut app, 80, 8));
}

#[test]
fn deliveries_come_with_their_events_on_every_width() {
    for width in WIDTHS {
        assert_snapshot!(format!("list_{width}"), screen(&mut running(), width, 15));
    }
}

#[test]
fn details_fit_every_width() {
    for width in WIDTHS {
        let mut app = running();
        press(&mut app, "\n");
        assert_snapshot!(format!("details_{width}"), screen(&mut app, width, 34));
    }
}

#[test]
fn all_keys_are_explained_on_every_width() {
    for width in WIDTHS {
        let mut app = running();
        press(&mut app, "?");
        assert_snapshot!(format!("help_{width}"), screen(&mut app, width, 34));
    }
}

#[test]
fn an_explanation_fits_every_width() {
    for width in WIDTHS {
        let mut app = running();
        press(&mut app, "e");
        app.show_explanation(
            "ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4",
            Ok(Box::new(explanation())),
        );
        assert_snapshot!(format!("explanation_{width}"), screen(&mut app, width, 14));
    }
}

/// An explanation with nothing but findings.
fn explanation() -> Explanation {
    Explanation {
        findings: vec![
            "event 1dffadfa-612c-4c01-ae66-66d745b11e01: the log does not have what was signed: object, type".to_owned(),
            "the state of ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4 is not what its 4 events fold to\u{1b}[2J".to_owned(),
        ],
        ..Explanation::default()
    }
}

#[test]
fn an_object_that_was_asked_for_stands_beside_its_event() {
    let mut app = running();
    let command = press(&mut app, "o");
    let archived_at = format!("{VERIFIED_PREFIX}2026/01/05/09/019b8d9a-7f09-7def-8123-456789abcdef");
    assert_eq!(
        command,
        Command::Read {
            archived_at,
            position: 1
        }
    );
    assert!(screen(&mut app, 150, 22).contains("object: is being read"));
    app.show_object(Ok(Some(
        "{\n  \"id\": \"9fc8c651\",\n  \"note\": \"\u{1b}[31m\"\n}".to_owned(),
    )));
    assert_snapshot!(screen(&mut app, 90, 36));
    press(&mut app, "o");
    assert!(!screen(&mut app, 90, 36).contains("9fc8c651\","));
}

#[test]
fn an_object_is_hidden_again_when_another_event_is_selected() {
    let mut app = running();
    press(&mut app, "o");
    app.show_object(Ok(Some("{\"secret\": 1}".to_owned())));
    assert!(screen(&mut app, 150, 30).contains("secret"));
    press(&mut app, "↑");
    assert!(!screen(&mut app, 150, 30).contains("secret"));
    // What is read too late is of another event.
    app.show_object(Ok(Some("{\"secret\": 1}".to_owned())));
    assert!(!screen(&mut app, 150, 30).contains("secret"));
}

#[test]
fn trouble_is_shown_while_it_lasts() {
    let mut app = running();
    app.take(News::Seen(Update::Trouble {
        why: "ListObjectsV2 of the archive failed: service error: SlowDown\u{1b}[2J".to_owned(),
        retry_in: std::time::Duration::from_secs(4),
    }));
    assert_snapshot!(screen(&mut app, 100, 10));
    app.take(News::Seen(Update::CaughtUp));
    assert!(screen(&mut app, 100, 10).contains(" following"));
}

#[test]
fn texts_of_others_do_not_steer_the_terminal() {
    let mut app = app();
    let hostile = "ORDER#1\u{1b}[2J\n";
    let mut delivery = delivery(
        1,
        Outcome::Verified,
        None,
        vec![seen(0, "ORDER.NEW", hostile, None)],
    );
    delivery.key_id = Some("\u{9b}31m\nk".to_owned());
    delivery.flags = vec!["\u{1b}c".to_owned()];
    sight(&mut app, delivery);
    let keys = ["\n", "Y", "e", "?", "?", "y"];
    for key in keys {
        press(&mut app, key);
        let shown = screen(&mut app, 150, 30);
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{key}: {shown:?}"
        );
    }
    app.show_explanation(hostile, Ok(Box::new(explanation())));
    let shown = screen(&mut app, 150, 30);
    assert!(
        shown.contains("4 events fold to") && !shown.contains('\u{1b}'),
        "{shown:?}"
    );
}

#[test]
fn every_size_of_terminal_can_be_drawn() {
    for keys in ["", "\n", "?", "e", "/abc"] {
        let mut app = running();
        press(&mut app, keys);
        for width in (1..=200).step_by(7) {
            for height in 1..=40 {
                screen(&mut app, width, height);
            }
        }
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let mut app = running();
    for (width, height) in [(39, 20), (80, 7)] {
        let shown = screen(&mut app, width, height);
        assert!(
            shown.starts_with(&format!("too small: {width} x {height}")),
            "{shown}"
        );
        assert!(!shown.contains("ORDER"), "{shown}");
    }
    assert!(screen(&mut app, 40, 8).contains("ORDER"));
}

#[test]
fn a_new_size_is_drawn_into() {
    let mut app = running();
    let mut terminal = Terminal::new(TestBackend::new(80, 20)).unwrap();
    for width in [80, 120, 60] {
        terminal.backend_mut().resize(width, 20);
        terminal.draw(|frame| draw(frame, &mut app, now())).unwrap();
        let resized = text(terminal.backend().buffer(), width);
        assert_eq!(resized, screen(&mut app, width, 20));
    }
}

#[test]
fn old_rows_make_room_for_new_ones() {
    let mut app = app();
    for _ in 0..100 {
        let events = (0..99)
            .map(|position| seen(position, "ORDER.NEW", "ORDER#1", None))
            .collect();
        sight(&mut app, delivery(1, Outcome::Verified, None, events));
    }
    assert_eq!(app.kept(), 50);
    assert_eq!(app.rows().len(), 5_000);
}

#[test]
fn rates_are_of_the_last_minute() {
    let mut app = running();
    let rates = app.rates(now());
    assert_eq!((rates.deliveries, rates.events, rates.quarantined), (2, 4, 1));
    let rates = app.rates("2026-01-05T09:31:05Z".parse().unwrap());
    assert_eq!((rates.deliveries, rates.events, rates.quarantined), (1, 2, 0));
}
