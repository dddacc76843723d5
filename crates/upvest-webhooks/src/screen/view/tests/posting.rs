//! The screen of `listen`: what a program answered, and posting again.

use operator::listen::Post;

use super::super::super::model::{Posting, Row};
use super::*;

const FIRST: &str = "019b8d9a-7f01-7def-8123-456789abcdef";
const LAST: &str = "019b8d9a-7f09-7def-8123-456789abcdef";

fn listening(form: Form) -> App {
    filled(App::new(Setting {
        title: "webhooks-sandbox, local → http://localhost:3000/changes".to_owned(),
        form: Some(form),
        ..setting()
    }))
}

fn answered(status: Option<u16>, took_ms: u64) -> Posting {
    Posting::Answered(Post {
        status,
        error: status.is_none().then_some("nothing listens there"),
        attempts: 1,
        took_ms,
    })
}

fn post(app: &mut App, delivery_id: &str, position: Option<usize>, posting: Posting) {
    app.take(News::Posting {
        delivery_id: delivery_id.to_owned(),
        event_id: position.map(|position| format!("1dffadfa-612c-4c01-ae66-66d745b11e{position:02}")),
        posting,
    });
}

fn posted() -> App {
    let mut app = listening(Form::Changes);
    post(&mut app, FIRST, Some(0), answered(Some(200), 12));
    post(&mut app, FIRST, Some(1), answered(Some(503), 1_204));
    post(&mut app, LAST, Some(0), answered(None, 1));
    post(&mut app, LAST, Some(1), Posting::Begun);
    app
}

#[test]
fn answers_stand_beside_their_events_on_every_width() {
    for width in WIDTHS {
        assert_snapshot!(format!("listen_{width}"), screen(&mut posted(), width, 15));
    }
}

#[test]
fn a_delivery_that_is_posted_as_a_whole_has_one_answer() {
    let mut app = listening(Form::Deliveries);
    post(&mut app, LAST, None, answered(Some(204), 7));
    let shown = screen(&mut app, 80, 15);
    assert!(shown.contains("verified  ✓ 204 in 7 ms  expired"), "{shown}");
    let Command::Post { rows } = press(&mut app, "r") else {
        panic!("an event is selected");
    };
    let orders: Vec<_> = rows.iter().filter_map(|row| app.order(*row)).collect();
    assert_eq!((orders.len(), orders[0].events.len()), (1, 2));
}

#[test]
fn the_selected_event_is_posted_again_or_all_of_its_delivery() {
    let mut app = posted();
    let rows = |command| match command {
        Command::Post { rows } => rows,
        other => panic!("{other:?}"),
    };
    let again = rows(press(&mut app, "r"));
    let order = app.order(again[0]).unwrap();
    assert_eq!((again.len(), order.delivery_id.as_str()), (1, LAST));
    let events: Vec<&str> = order.events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(events, ["ORDER.FILLED"]);
    assert_eq!(rows(press(&mut app, "↑↑r")).len(), 2);
}

#[test]
fn all_that_was_not_taken_is_posted_again() {
    let mut app = posted();
    assert_eq!((app.tally().taken, app.tally().not_taken), (1, 3));
    let Command::Post { rows } = press(&mut app, "R") else {
        panic!("two were not taken");
    };
    let row = |delivery, event| Row {
        delivery,
        event: Some(event),
    };
    assert_eq!(rows, [row(0, 1), row(2, 0)]);
    for (delivery_id, position) in [(FIRST, 1), (LAST, 0), (LAST, 1)] {
        post(&mut app, delivery_id, Some(position), answered(Some(200), 5));
    }
    assert_eq!((app.tally().taken, app.tally().not_taken), (4, 0));
    assert_eq!(press(&mut app, "R"), Command::Draw);
    assert!(screen(&mut app, 80, 12).contains("there is nothing that was not taken"));
}

#[test]
fn what_made_room_for_newer_rows_is_still_counted() {
    let mut app = posted();
    for _ in 0..60 {
        let events = (0..99)
            .map(|position| seen(position, "ORDER.NEW", "ORDER#1", None))
            .collect();
        sight(&mut app, delivery(11, Outcome::Verified, None, events));
    }
    assert!(
        app.order(Row {
            delivery: 0,
            event: None
        })
        .is_none(),
        "it is still there"
    );
    assert_eq!((app.tally().taken, app.tally().not_taken), (1, 3));
    // Answered after its row was gone.
    post(&mut app, FIRST, Some(0), answered(Some(200), 12));
    assert_eq!(app.tally().taken, 2);
}

#[test]
fn nothing_is_posted_where_only_looking_was_asked_for() {
    let mut app = running();
    for key in ["r", "R"] {
        assert_eq!(press(&mut app, key), Command::Draw);
        assert!(screen(&mut app, 100, 12).contains("nothing is posted here"));
    }
}

#[test]
fn what_is_not_posted_says_why() {
    let mut app = listening(Form::Changes);
    post(&mut app, LAST, Some(1), Posting::Missing);
    press(&mut app, "\n");
    assert!(screen(&mut app, 150, 30).contains("no time line has it"));
    post(&mut app, LAST, Some(1), Posting::Nothing);
    assert!(screen(&mut app, 150, 30).contains("nothing is published"));
    assert_eq!((app.tally().taken, app.tally().not_taken), (0, 0));
}
