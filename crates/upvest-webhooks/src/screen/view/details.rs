//! What stands beside or below the list: the facts of the selected row, and its object.

use std::iter;

use operator::watch::{WatchedDelivery, WatchedEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Borders, Paragraph, Wrap};

use super::super::model::{App, Object, Row};
use super::state_text;
use crate::output::harmless_line;

pub(super) fn draw_details(frame: &mut Frame<'_>, app: &App, area: Rect) {
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
        .border_type(BorderType::Plain)
        .border_style(Style::new().dim())
        .title(title.bold());
    let lines = app.selected.map(|row| detail_lines(app, row)).unwrap_or_default();
    let details = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .scroll((app.details_offset, 0))
        .block(block);
    frame.render_widget(details, area);
}

fn detail_lines<'a>(app: &App, row: Row) -> Vec<Line<'a>> {
    let Some(delivery) = app.delivery(row) else {
        return Vec::new();
    };
    let Some(event) = app.event(row) else {
        return delivery_facts(delivery);
    };
    let object = object_lines(&app.object);
    // One that was asked for is not to be looked for below the rest.
    let sections = match app.object {
        Object::Hidden => [event_facts(event), delivery_facts(delivery), object],
        _ => [event_facts(event), object, delivery_facts(delivery)],
    };
    sections.join(&Line::default())
}

fn event_facts<'a>(event: &WatchedEvent) -> Vec<Line<'a>> {
    facts([
        ("type", Some(event.r#type.clone())),
        ("event", Some(event.event_id.clone())),
        ("entity", event.entity.clone()),
        ("occurred", event.occurred_at.clone()),
        ("time flag", event.time_flag.map(str::to_owned)),
        ("place", Some(format!("{} of the batch, from 0", event.place))),
        (
            "status",
            event.state.as_ref().map(|state| state_text(state).to_owned()),
        ),
    ])
}

fn delivery_facts<'a>(delivery: &WatchedDelivery) -> Vec<Line<'a>> {
    facts([
        ("delivery", Some(delivery.delivery_id.clone())),
        ("result", Some(delivery.result.name().to_owned())),
        ("reason", delivery.reason.clone()),
        ("received", Some(delivery.received_at.to_string())),
        ("in time", delivery.out_of_time.clone()),
        (
            "flagged",
            (!delivery.flags.is_empty()).then(|| delivery.flags.join(", ")),
        ),
        ("from", delivery.source_address.clone()),
        ("key", delivery.key_id.clone()),
        ("body", Some(format!("{} bytes", delivery.body_bytes))),
        ("archived", Some(delivery.archived_at.clone())),
    ])
}

fn facts<'a, const N: usize>(facts: [(&'static str, Option<String>); N]) -> Vec<Line<'a>> {
    let line = |(name, value): (&'static str, Option<String>)| {
        let value = Span::raw(harmless_line(&value?));
        Some(Line::from(vec![Span::raw(format!(" {name:<9} ")).dim(), value]))
    };
    facts.into_iter().filter_map(line).collect()
}

fn object_lines<'a>(object: &Object) -> Vec<Line<'a>> {
    let note = |text: &str| vec![Line::from(format!(" {text}")).dim()];
    match object {
        Object::Hidden => note("object: hidden, because it is personal data; o shows it"),
        Object::Reading => note("object: is being read ..."),
        Object::Unreadable(why) => {
            vec![Line::from(format!(" object: {}", harmless_line(why))).fg(Color::LightRed)]
        }
        Object::Shown(object) => {
            let lines = object
                .lines()
                .map(|line| Line::from(format!(" {}", harmless_line(line))));
            iter::once(Line::from(" object: personal data; o hides it").dim())
                .chain(lines)
                .collect()
        }
    }
}
