//! Prints the deliveries that are seen: lines of text for people, or lines of JSON for programs.

use std::io::{self, Write};

use operator::watch::{Update, WatchedDelivery, WatchedEvent};
use tokio::sync::mpsc;

use crate::output::{self, harmless, harmless_json, harmless_line};
use crate::screen::state_text;

/// Says in which form deliveries are written, a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Deliveries and their events are lines of text, for people.
    Text,
    /// Each line is a JSON document, for programs.
    Json,
}

/// Writes deliveries until there were `count` of them, or nobody reads on, or nothing more comes.
///
/// # Errors
///
/// What writing failed with.
pub(super) async fn print(
    updates: &mut mpsc::Receiver<Update>,
    output: &mut impl Write,
    form: Form,
    count: Option<u64>,
) -> io::Result<()> {
    let mut printed = 0;
    let mut in_trouble = false;
    while let Some(update) = updates.recv().await {
        match update {
            Update::Delivery(delivery) => {
                let text = match form {
                    Form::Text => harmless(&text(&delivery)),
                    Form::Json => json(&delivery)?,
                };
                match writeln!(output, "{text}").and_then(|()| output.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                    written => written?,
                }
                printed += 1;
            }
            Update::Trouble { why, retry_in } => {
                in_trouble = true;
                output::note(&format!("trying again in {} s: {why}", retry_in.as_secs_f32()));
            }
            Update::CaughtUp if in_trouble => {
                in_trouble = false;
                output::note("the archive can be read again");
            }
            Update::CaughtUp => {}
        }
        if Some(printed) == count {
            break;
        }
    }
    Ok(())
}

fn text(delivery: &WatchedDelivery) -> String {
    let mut text = format!(
        "{:.3}  {:<11}  {}",
        delivery.received_at,
        delivery.result.name(),
        delivery.delivery_id
    );
    let facts = [
        ("", &delivery.reason),
        ("from ", &delivery.source_address),
        ("key ", &delivery.key_id),
        ("", &delivery.out_of_time),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            text.push_str(&harmless_line(&format!("  {name}{value}")));
        }
    }
    for flag in &delivery.flags {
        text.push_str(&format!("  {flag}"));
    }
    for event in &delivery.events {
        text.push_str(&format!("\n  {}", event_text(event)));
    }
    text
}

fn event_text(event: &WatchedEvent) -> String {
    let entity = event.entity.as_deref().unwrap_or("no entity");
    let text = format!("{:<28}  {entity:<44}  event {}", event.r#type, event.event_id);
    let mut text = harmless_line(&text);
    if let Some(flag) = event.time_flag {
        text.push_str(&format!("  time: {flag}"));
    }
    if let Some(state) = &event.state {
        text.push_str("  ");
        text.push_str(state_text(state));
    }
    if let Some(object) = &event.object {
        let object = output::pretty(object.get());
        let lines = object.lines().map(|line| format!("\n    {line}"));
        text.extend(lines);
    }
    text
}

/// Writes a delivery as one line of JSON, which steers no terminal.
fn json(delivery: &WatchedDelivery) -> io::Result<String> {
    let json = harmless_json(&serde_json::to_string(delivery)?);
    // What breaks a line is the space between the tokens of an object that is kept verbatim.
    Ok(json.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use webhook_tests::stored::key_in_the_first_hour;

    use super::*;

    #[test]
    fn a_line_of_json_is_one_line_that_steers_no_terminal() {
        let key = key_in_the_first_hour("019b76da-a87b-7def-8123-456789abcdef");
        let delivery = WatchedDelivery::unreadable(&key.parse().unwrap(), "a\u{1b}[31m\u{9b}b\nc");
        let line = json(&delivery).unwrap();
        assert!(!line.chars().any(char::is_control), "{line}");
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["reason"], "a\u{1b}[31m\u{9b}b\nc");
        assert_eq!(parsed["result"], "unreadable");
    }
}
