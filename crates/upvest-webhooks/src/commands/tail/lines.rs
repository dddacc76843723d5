//! What is seen, as lines.

use std::io::{self, Write};

use tokio::sync::mpsc;

use super::feed::Update;
use super::sighting::{Seen, Sighting};
use crate::output::{self, harmless};

/// How deliveries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// One JSON document a line.
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
            Update::Sighted(sighting) => {
                let text = match form {
                    Form::Text => harmless(&text(&sighting)),
                    Form::Json => json(&sighting)?,
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
            Update::Caught if in_trouble => {
                in_trouble = false;
                output::note("the archive can be read again");
            }
            Update::Caught => {}
        }
        if Some(printed) == count {
            break;
        }
    }
    Ok(())
}

fn text(sighting: &Sighting) -> String {
    let mut text = format!(
        "{:.3}  {:<11}  {}",
        sighting.received_at,
        sighting.result.name(),
        sighting.delivery_id
    );
    let facts = [
        ("", &sighting.reason),
        ("from ", &sighting.source_address),
        ("key ", &sighting.key_id),
        ("", &sighting.out_of_time),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            text.push_str(&format!("  {name}{value}"));
        }
    }
    for event in &sighting.events {
        text.push_str(&format!("\n  {}", event_text(event)));
    }
    text
}

fn event_text(event: &Seen) -> String {
    let entity = event.entity.as_deref().unwrap_or("no entity");
    let mut text = format!("{:<28}  {entity:<44}  event {}", event.r#type, event.event_id);
    if let Some(state) = &event.state {
        text.push_str("  ");
        text.push_str(&state.text());
    }
    if let Some(object) = &event.object {
        let object = output::pretty(object.get());
        let lines = object.lines().map(|line| format!("\n    {line}"));
        text.extend(lines);
    }
    text
}

/// One line of JSON. Control characters are escaped, as JSON allows: what others sent must not steer a terminal.
fn json(sighting: &Sighting) -> io::Result<String> {
    let json = serde_json::to_string(sighting)?;
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // Space between the tokens of an object that is kept verbatim.
            '\n' | '\r' | '\t' => line.push(' '),
            _ if character.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => line.push(character),
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_one_line_that_steers_no_terminal() {
        let key = "verified/2026/01/01/00/019b76da-a87b-7def-8123-456789abcdef"
            .parse()
            .unwrap();
        let sighting = Sighting::unreadable(&key, "a\u{1b}[31m\u{9b}b\nc");
        let line = json(&sighting).unwrap();
        assert!(!line.chars().any(char::is_control), "{line}");
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["reason"], "a\u{1b}[31m\u{9b}b\nc");
        assert_eq!(parsed["result"], "unreadable");
    }
}
