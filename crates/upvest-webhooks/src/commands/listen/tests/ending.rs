//! What counts as taken where a session ends before all was answered.

use super::*;

/// Ends a session, as Ctrl-C does, once the program was posted so often and holds its last answer.
async fn end_at(
    posts: usize,
    session: &mut Session,
    updates: mpsc::Receiver<Update>,
    keys: Option<mpsc::UnboundedReceiver<Key>>,
    program: &Program,
) {
    let posted = async {
        while program.bodies().len() < posts {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = session.run(updates, keys) => panic!("{ended:?}"),
        () = posted => {}
    }
    session.end();
}

#[tokio::test]
async fn what_is_under_way_at_the_end_was_not_taken() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let program = Program::answering(&[200, 0]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let notes = Screen::default();
    let (mut session, updates) = prepared(&site, &line, &Screen::default(), &notes).await;
    end_at(2, &mut session, updates, None, &program).await;
    assert!(
        !session.all_taken() && notes.text().ends_with("2 posted: 1 taken, 1 not taken\n"),
        "{}",
        notes.text()
    );

    // What was taken once is posted again.
    let program = Program::answering(&[200, 200, 0]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let notes = Screen::default();
    let mut session = caught_up(&site, &line, &Screen::default(), &notes).await;
    let (_idle, updates) = mpsc::channel(1);
    let keys = Some(pressed(&[Key::Repeat]));
    end_at(3, &mut session, updates, keys, &program).await;
    assert!(
        !session.all_taken() && notes.text().ends_with("2 posted: 1 taken, 1 not taken\n"),
        "{}",
        notes.text()
    );
}

#[tokio::test]
async fn what_is_not_posted_again_before_the_end_was_not_taken() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW"), order("o2", 1, "NEW")])
        .await;
    let program = Program::answering(&[500, 500]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    // Nobody reads on once the first one is posted again.
    let closing = Screen(Rc::default(), Some(2));
    let told = listen_on(&site, &line, &[Key::RepeatFailed], closing).await;
    assert!(
        !told.all_taken && told.notes.ends_with("2 posted: 1 taken, 1 not taken\n"),
        "{}",
        told.notes
    );
    assert_eq!(program.bodies().len(), 3);

    let program = Program::answering(&[500, 500, 0]).await;
    let line = format!("--since 1h --forward-to {}", program.url);
    let notes = Screen::default();
    let mut session = caught_up(&site, &line, &Screen::default(), &notes).await;
    let (_idle, updates) = mpsc::channel(1);
    let keys = Some(pressed(&[Key::RepeatFailed]));
    end_at(3, &mut session, updates, keys, &program).await;
    assert!(
        !session.all_taken() && notes.text().ends_with("2 posted: 0 taken, 2 not taken\n"),
        "{}",
        notes.text()
    );
}
