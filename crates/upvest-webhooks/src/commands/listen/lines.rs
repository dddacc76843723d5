//! Writes what was heard, and what the program answered, as text or as a line of JSON.

use std::io;

use operator::listen::{Heard, HeardEvent, Post};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output::{harmless_json, harmless_line, width};

/// Holds the members of a line of JSON, in their order.
#[derive(Serialize)]
struct Line<'l> {
    #[serde(flatten)]
    heard: &'l Heard,
    /// Tells what the program answered; absent where nothing is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<&'l Post>,
    /// Holds what is posted, where that is to be printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'l RawValue>,
}

/// Writes what was heard, and what the program answered, as one line of JSON, which steers no terminal.
pub(super) fn line(heard: &Heard, post: Option<&Post>, prints_bodies: bool) -> io::Result<String> {
    let body = match prints_bodies {
        true => Some(serde_json::from_str::<&RawValue>(&heard.body)?),
        false => None,
    };
    let json = serde_json::to_string(&Line { heard, post, body })?;
    // What breaks a line is the space between the tokens of a body that is kept verbatim.
    Ok(harmless_json(&json).replace('\n', " "))
}

/// Writes what was heard, and what the program answered, for people.
pub(super) fn text(heard: &Heard, post: Option<&Post>) -> String {
    let answered = post.map(answer).unwrap_or_default();
    match heard.events.as_slice() {
        [event] => fitting(&format!("{answered}{}", event.r#type), event),
        events => {
            let about = format!(
                "{answered}delivery {}, {} events",
                heard.delivery_id,
                events.len()
            );
            let lines = events
                .iter()
                .map(|event| fitting(&format!("  {}", event.r#type), event));
            let lines: Vec<String> = std::iter::once(about).chain(lines).collect();
            lines.join("\n")
        }
    }
}

fn answer(post: &Post) -> String {
    let mark = if post.is_taken() { "✓" } else { "✗" };
    let status = post.status.map(|status| status.to_string());
    let answer = status.or(post.error.map(str::to_owned)).unwrap_or_default();
    let times = match post.attempts {
        1 => String::new(),
        attempts => format!(", {attempts} attempts"),
    };
    format!("{mark} {answer} in {} ms{times}  ", post.took_ms)
}

/// Writes what an event is about after its type: in the same line where that fits, and else in lines of its own, because half an
/// id is of no use to anybody.
fn fitting(first: &str, event: &HeardEvent) -> String {
    let entity = event.entity.as_deref().unwrap_or("no entity");
    let [first, entity, id] = [first, entity, &event.event_id].map(harmless_line);
    let line = format!("{first}  {entity}  event {id}");
    match width().is_none_or(|columns| line.chars().count() <= columns) {
        true => line,
        false => format!("{first}\n    {entity}\n    event {id}"),
    }
}
