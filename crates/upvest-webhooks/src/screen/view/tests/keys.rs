//! What keys do.

use super::*;

fn with(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
    KeyEvent::new(code, modifiers)
}

fn control(letter: char) -> KeyEvent {
    with(KeyCode::Char(letter), KeyModifiers::CONTROL)
}

fn plain(code: KeyCode) -> KeyEvent {
    with(code, KeyModifiers::NONE)
}

#[test]
fn a_filter_is_typed_and_kept() {
    let mut app = running();
    press(&mut app, "/filled");
    assert_snapshot!(screen(&mut app, 100, 10));
    press(&mut app, "\n");
    assert_snapshot!(screen(&mut app, 100, 10));
    press(&mut app, "/x");
    assert!(screen(&mut app, 100, 10).contains("none of 3 deliveries matches"));
    press(&mut app, "\u{8}\n\u{1b}");
    assert!(screen(&mut app, 100, 16).contains("USER_CHECK.PASSED"));
}

#[test]
fn a_filter_is_edited_as_in_a_shell() {
    let mut app = running();
    press(&mut app, "/order new");
    for (key, expected) in [
        (plain(KeyCode::Left), ("order new", 8)),
        (plain(KeyCode::Backspace), ("order nw", 7)),
        (plain(KeyCode::Delete), ("order n", 7)),
        (plain(KeyCode::Right), ("order n", 7)),
        (control('w'), ("order ", 6)),
        (plain(KeyCode::Home), ("order ", 0)),
        (plain(KeyCode::Char('q')), ("qorder ", 1)),
        (control('r'), ("qorder ", 1)),
        (control('k'), ("q", 1)),
        (plain(KeyCode::End), ("q", 1)),
        (control('u'), ("", 0)),
    ] {
        assert_eq!(app.press(key), Command::Draw);
        assert_eq!((app.filter.value(), app.filter.cursor()), expected, "{key:?}");
    }
}

#[test]
fn the_cursor_stands_in_the_filter_and_a_long_one_moves_with_it() {
    let mut app = running();
    press(&mut app, "/filled");
    app.press(plain(KeyCode::Left));
    let mut terminal = Terminal::new(TestBackend::new(60, 10)).unwrap();
    terminal.draw(|frame| draw(frame, &mut app, now())).unwrap();
    // Behind the name of the line, before the last letter.
    terminal.backend_mut().assert_cursor_position((9 + 5, 1));
    press(&mut app, &"x".repeat(100));
    terminal.draw(|frame| draw(frame, &mut app, now())).unwrap();
    let cursor = terminal.backend().cursor_position();
    assert_eq!((cursor.x, cursor.y), (59, 1));
}

#[test]
fn a_paused_screen_stands_still_and_counts() {
    let mut app = running();
    press(&mut app, " ");
    let before = screen(&mut app, 100, 16);
    let created = vec![seen(0, "USER.CREATED", "USER#u", None)];
    sight(&mut app, delivery(15, Outcome::Verified, None, created));
    let paused = screen(&mut app, 100, 16);
    assert!(before.contains(" paused  3 deliveries"), "{before}");
    assert!(paused.contains(" paused, 1 new  3 of 4 deliveries"), "{paused}");
    assert!(!paused.contains("USER.CREATED"));
    press(&mut app, " ");
    assert!(screen(&mut app, 100, 16).contains("USER.CREATED"));
}

#[test]
fn the_selection_stays_where_it_is_while_more_comes() {
    let mut app = running();
    press(&mut app, "↑↑");
    let selected = app.selected;
    let created = vec![seen(0, "USER.CREATED", "USER#u", None)];
    sight(&mut app, delivery(15, Outcome::Verified, None, created));
    assert_eq!(app.selected, selected);
    assert!(screen(&mut app, 100, 16).contains(" not following"));
    press(&mut app, "f");
    assert_eq!(app.event(app.selected.unwrap()).unwrap().r#type, "USER.CREATED");
    press(&mut app, "g");
    assert_eq!(app.selected, app.rows().first().copied());
    press(&mut app, "G↓↓");
    assert_eq!(app.selected, app.rows().last().copied());
}

#[test]
fn only_quarantine_is_shown_on_request() {
    let mut app = running();
    press(&mut app, "x");
    let shown = screen(&mut app, 100, 10);
    assert!(
        shown.contains("bad-signature") && !shown.contains("ORDER"),
        "{shown}"
    );
    assert!(shown.contains("quarantine only"), "{shown}");
}

#[test]
fn an_id_or_an_entity_is_copied() {
    let mut app = running();
    let copied = |text: &str| Command::Copy {
        text: text.to_owned(),
    };
    let event = "1dffadfa-612c-4c01-ae66-66d745b11e01";
    assert_eq!(press(&mut app, "y"), copied(event));
    assert!(
        screen(&mut app, 100, 10).contains(event),
        "it is told what was copied"
    );
    let order = "ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4";
    assert_eq!(press(&mut app, "Y"), copied(order));
    assert!(!screen(&mut app, 100, 10).contains(&format!("that: {event}")));
    assert_eq!(
        press(&mut app, "↑↑y"),
        copied("019b8d9a-7f09-7def-8123-456789abcdef")
    );
}

#[test]
fn nothing_that_is_copied_is_a_command_when_it_is_pasted() {
    let mut app = app();
    let events = vec![seen(0, "ORDER.NEW", "ORDER#1\nrm\r", None)];
    sight(&mut app, delivery(1, Outcome::Verified, None, events));
    let text = "ORDER#1\u{fffd}rm\u{fffd}".to_owned();
    assert_eq!(press(&mut app, "Y"), Command::Copy { text });
}

#[test]
fn an_explanation_is_of_the_entity_and_goes_away_again() {
    let mut app = running();
    let subject = "ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4".to_owned();
    assert_eq!(
        press(&mut app, "e"),
        Command::Explain {
            subject: subject.clone()
        }
    );
    assert!(screen(&mut app, 80, 12).contains("reading the log"));
    app.show_explanation(&subject, Err("the events table cannot be read".to_owned()));
    assert!(screen(&mut app, 80, 12).contains("the events table cannot be read"));
    press(&mut app, "\u{1b}");
    assert!(screen(&mut app, 80, 12).contains("ORDER.FILLED"));
    // What is made too late is of another row.
    let delivery = "019b8d9a-7f09-7def-8123-456789abcdef".to_owned();
    assert_eq!(press(&mut app, "↑↑e"), Command::Explain { subject: delivery });
    app.show_explanation(&subject, Err("too late".to_owned()));
    assert!(!screen(&mut app, 80, 12).contains("too late"));
}

#[test]
fn what_is_longer_than_the_screen_is_scrolled_and_not_past_its_end() {
    let mut app = running();
    press(&mut app, "?");
    assert!(screen(&mut app, 80, 12).contains("show the keys"));
    press(&mut app, "G");
    let end = screen(&mut app, 80, 12);
    assert!(
        end.contains("only quarantine") && !end.contains("show the keys"),
        "{end}"
    );
    press(&mut app, "↓");
    assert_eq!(screen(&mut app, 80, 12), end);
    press(&mut app, "↑");
    assert_ne!(screen(&mut app, 80, 12), end);
    press(&mut app, "q");
    assert!(screen(&mut app, 80, 12).contains("ORDER.FILLED"));
}

#[test]
fn control_c_and_q_leave() {
    let mut app = running();
    assert_eq!(press(&mut app, "q"), Command::Quit);
    press(&mut app, "/");
    assert_eq!(press(&mut app, "q"), Command::Draw);
    for keys in ["", "\u{1b}?", "?e"] {
        press(&mut app, keys);
        assert_eq!(app.press(control('c')), Command::Quit);
    }
}
