//! What is told while the stack cannot be read.

use fake_aws::{CallFilter, Fault};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_told_and_that_it_can_be_again() {
    let site = Deployment::new().await;
    site.deliver(&[order("o1", 1, "NEW")]).await;
    let (screen, notes) = (Screen::default(), Screen::default());
    let (mut session, updates) = prepared(&site, "--print --since 1h", &screen, &notes).await;
    let aws = &site.receiver.aws;
    let log = CallFilter::any().on("events");
    aws.begin_outage(Fault::FailBeforeEffect, log, Duration::from_secs(3600));
    let mended = async {
        while notes.text().is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        aws.heal();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        listened = aws.invoke("listen", session.run(updates, None)) => listened.unwrap().unwrap(),
        () = mended => {}
    }
    let told = notes.text();
    assert!(
        told.starts_with("trying again in 5 s: the event log cannot be read"),
        "{told}"
    );
    assert!(told.ends_with("\nthe stack can be read again\n"), "{told}");
    assert!(screen.text().starts_with("ORDER.NEW  ORDER#o1  event "));
}
