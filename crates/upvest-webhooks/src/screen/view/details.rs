//! What stands beside or below the list: the facts of the selected row, and its object.

use std::iter;

use jiff::Timestamp;
use operator::watch::{WatchedDelivery, WatchedEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::super::model::{App, Object, Posting, Row};
use super::colours::BAD;
use super::text::{broken, posting_text, state_text, whole_time};
use crate::output::harmless_line;

/// Gives the room that the name of a fact takes, with the spaces around it.
const NAME: usize = 11;

pub(super) fn draw_details(frame: &mut Frame<'_>, app: &mut App, area: Rect, now: Timestamp) {
    let borders = match (area.x > 0, area.y > 2) {
        (true, _) => Borders::TOP | Borders::LEFT,
        _ => Borders::TOP,
    };
    let title = match app.selected.and_then(|row| app.event(row)) {
        Some(_) => " event ",
        None => " delivery ",
    };
    let block = Block::new()
        .borders(borders)
        .border_style(Style::new().dim())
        .title(title.bold());
    let inner = block.inner(area);
    let width = usize::from(inner.width);
    let lines = (app.selected).map_or_else(Vec::new, |row| detail_lines(app, row, width, now));
    // Kept within at once: else a key back would first have to undo all that was scrolled past the end.
    app.details_offset = within(app.details_offset, lines.len(), inner);
    let details = Paragraph::new(lines).scroll((app.details_offset, 0)).block(block);
    frame.render_widget(details, area);
}

/// Holds an offset within so many lines, of which the last stays at the bottom.
pub(super) fn within(offset: u16, lines: usize, area: Rect) -> u16 {
    let most = lines.saturating_sub(usize::from(area.height));
    offset.min(u16::try_from(most).unwrap_or(u16::MAX))
}

fn detail_lines(app: &App, row: Row, width: usize, now: Timestamp) -> Vec<Line<'static>> {
    let Some(delivery) = app.delivery(row) else {
        return Vec::new();
    };
    let posting = app.posts.as_ref().and_then(|posts| posts.of(row));
    let whole = |at: Timestamp| whole_time(at, now, &app.setting.zone);
    let delivery_lines = |posting| facts(delivery_facts(delivery, posting, whole), width);
    let Some(event) = app.event(row) else {
        return delivery_lines(posting);
    };
    let event_lines = facts(event_facts(event, posting, whole), width);
    let object = object_lines(&app.object, width);
    // One that was asked for is not to be looked for below the rest.
    let sections = match app.object {
        Object::Hidden => [event_lines, delivery_lines(None), object],
        _ => [event_lines, object, delivery_lines(None)],
    };
    sections.join(&Line::default())
}

type Fact = (&'static str, Option<String>);

fn event_facts(
    event: &WatchedEvent,
    posting: Option<&Posting>,
    whole: impl Fn(Timestamp) -> String,
) -> Vec<Fact> {
    // One that is no time is shown as it was sent.
    let occurred = |at: &String| at.parse::<Timestamp>().map_or_else(|_| at.clone(), &whole);
    let status = event.state.as_ref().map(|state| state_text(state).to_owned());
    vec![
        ("type", Some(event.r#type.clone())),
        ("event", Some(event.event_id.clone())),
        ("entity", event.entity.clone()),
        ("occurred", event.occurred_at.as_ref().map(occurred)),
        ("time flag", event.time_flag.map(str::to_owned)),
        (
            "position",
            Some(format!("{} of the batch, from 0", event.position)),
        ),
        ("status", status),
        ("posted", posting.map(told)),
    ]
}

fn delivery_facts(
    delivery: &WatchedDelivery,
    posting: Option<&Posting>,
    whole: impl Fn(Timestamp) -> String,
) -> Vec<Fact> {
    let flags = Some(delivery.flags.join(", ")).filter(|flags| !flags.is_empty());
    vec![
        ("delivery", Some(delivery.delivery_id.clone())),
        ("result", Some(delivery.result.name().to_owned())),
        ("reason", delivery.reason.clone()),
        ("received", Some(whole(delivery.received_at))),
        ("in time", delivery.out_of_time.clone()),
        ("flagged", flags),
        ("from", delivery.source_address.clone()),
        ("key", delivery.key_id.clone()),
        ("body", Some(format!("{} bytes", delivery.body_bytes))),
        ("archived", Some(delivery.archived_at.clone())),
        ("posted", posting.map(told)),
    ]
}

/// Says what became of what was posted, and why nothing did.
fn told(posting: &Posting) -> String {
    match posting {
        Posting::Missing => "no: it was verified, and no time line has it; e explains it".to_owned(),
        Posting::Nothing => {
            "no: nothing is published of what came before in another delivery, or what the canary sent"
                .to_owned()
        }
        other => posting_text(other, usize::MAX),
    }
}

fn facts(facts: Vec<Fact>, width: usize) -> Vec<Line<'static>> {
    let lines = |(name, value): Fact| {
        let parts = value.map(|value| broken(&harmless_line(&value), width.saturating_sub(NAME)));
        let names = iter::once(name).chain(iter::repeat(""));
        let parts = names.zip(parts.unwrap_or_default());
        parts.map(|(name, part)| {
            let name = Span::raw(format!(" {name:<9} ")).dim();
            Line::from(vec![name, Span::raw(part)])
        })
    };
    facts.into_iter().flat_map(lines).collect()
}

fn object_lines(object: &Object, width: usize) -> Vec<Line<'static>> {
    let note = |text: &str| vec![Line::from(format!(" {text}")).dim()];
    let whole = |text: &str| {
        let lines = broken(&format!(" {}", harmless_line(text)), width);
        lines.into_iter().map(Line::from).collect::<Vec<_>>()
    };
    match object {
        Object::Hidden => note("object: hidden, because it is personal data; o shows it"),
        Object::Reading => note("object: is being read ..."),
        Object::Unreadable(why) => {
            let lines = whole(&format!("object: {why}")).into_iter();
            lines.map(|line| line.fg(BAD)).collect()
        }
        Object::Shown(object) => {
            let lines = object.lines().flat_map(whole);
            note("object: personal data; o hides it")
                .into_iter()
                .chain(lines)
                .collect()
        }
    }
}
