//! The list of deliveries, each with its events below it.

use std::iter;

use operator::watch::{Outcome, WatchedDelivery, WatchedEvent};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::super::model::{App, Row};
use super::{count, fit, state_text, time_of_day};
use crate::output::harmless_line;

/// Gives the width of an event's type where there is room.
const TYPE_WIDTH: usize = 28;
/// Gives the width of an entity: most are a category and a UUID.
const ENTITY_WIDTH: usize = 46;
const EVENT_ID_WIDTH: usize = 36;

/// Draws the rows around the selected one.
pub(super) fn draw_list(frame: &mut Frame<'_>, app: &App, rows: &[Row], area: Rect) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(Style::new().dim());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if rows.is_empty() {
        return draw_empty(frame, app, inner);
    }
    let height = usize::from(inner.height);
    let selected = app
        .selected
        .map(|selected| rows.partition_point(|row| *row < selected));
    // The selected row stays in the middle, except at either end.
    let most = rows.len().saturating_sub(height);
    let first = selected.unwrap_or(most).saturating_sub(height / 2).min(most);
    let width = usize::from(inner.width);
    let lines = rows.iter().enumerate().skip(first).take(height).map(|(at, row)| {
        let line = row_line(app, *row, width);
        let style = match selected == Some(at) {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        // Filled up, so that the whole row is highlighted.
        let rest = width.saturating_sub(line.width());
        let fill = Span::raw(" ".repeat(rest));
        line.spans
            .into_iter()
            .chain(iter::once(fill))
            .collect::<Line<'_>>()
            .style(style)
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inner);
}

fn draw_empty(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let text = match (app.kept(), app.has_looked) {
        (0, false) => "looking into the archive ...".to_owned(),
        (0, true) => "no deliveries yet: they show here as soon as they are verified".to_owned(),
        (kept, _) => {
            let kept = count(kept, "delivery", "deliveries");
            format!("none of {kept} matches; esc clears the filter, x shows more than quarantine")
        }
    };
    let [_, middle, _] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    let text = Paragraph::new(text).centered().wrap(Wrap { trim: true }).dim();
    frame.render_widget(text, middle);
}

fn row_line<'a>(app: &App, row: Row, width: usize) -> Line<'a> {
    match (app.event(row), app.delivery(row)) {
        (Some(event), _) => event_line(event, width),
        (None, Some(delivery)) => delivery_line(delivery, width),
        (None, None) => Line::default(),
    }
}

fn delivery_line<'a>(delivery: &WatchedDelivery, width: usize) -> Line<'a> {
    let time = time_of_day(delivery.received_at);
    let is_narrow = width < 100;
    let mut spans = vec![Span::raw(format!(" {time}  ")).dim()];
    match delivery.result {
        Outcome::Verified => spans.push("✓ verified".fg(Color::Green)),
        Outcome::Quarantined => spans.push("✗ quarantine".fg(Color::LightRed).bold()),
        Outcome::Unreadable => spans.push("✗ unreadable".fg(Color::LightMagenta).bold()),
    }
    if let Some(reason) = &delivery.reason {
        spans.push(Span::raw(format!("  {}", harmless_line(reason))).fg(Color::LightRed));
    }
    if let Some(out_of_time) = &delivery.out_of_time {
        spans.push(Span::raw(format!("  {}", harmless_line(out_of_time))).fg(Color::Yellow));
    }
    if !delivery.events.is_empty() {
        let events = count(delivery.events.len(), "event", "events");
        spans.push(Span::raw(format!("  {events}")));
    }
    if !is_narrow {
        let from = delivery
            .source_address
            .as_deref()
            .map(|address| format!("  from {}", harmless_line(address)));
        spans.push(Span::raw(from.unwrap_or_default()).dim());
        spans.push(Span::raw(format!("  {}", delivery.delivery_id)).dim());
    }
    cut_line(spans, width)
}

fn event_line<'a>(event: &WatchedEvent, width: usize) -> Line<'a> {
    let indent = "               ";
    let state = event.state.as_ref();
    let state_text = state.map(state_text).unwrap_or_default();
    let room = width.saturating_sub(indent.len());
    // What is left for the entity, and then for the event's id, decides which columns there are.
    let type_width = TYPE_WIDTH.min(room / 2);
    let state_width = if state.is_some() { 16.min(room / 4) } else { 0 };
    let rest = room.saturating_sub(type_width + 2 + state_width);
    let entity_width = ENTITY_WIDTH.min(rest);
    let mut spans = vec![
        Span::raw(indent),
        Span::raw(fit(&event.r#type, type_width)).bold(),
        Span::raw("  "),
        Span::raw(fit(event.entity.as_deref().unwrap_or("no entity"), entity_width)),
    ];
    if let Some(state) = state {
        let text = Span::raw(fit(&format!("  {state_text}"), state_width));
        spans.push(match state.processed {
            true => text.fg(Color::Cyan),
            false => text.fg(Color::Yellow),
        });
    }
    if rest >= entity_width + 2 + EVENT_ID_WIDTH {
        spans.push(Span::raw(format!("  {}", harmless_line(&event.event_id))).dim());
    }
    cut_line(spans, width)
}

/// Cuts the spans of a line to a width.
fn cut_line<'a>(spans: Vec<Span<'static>>, width: usize) -> Line<'a> {
    let mut left = width;
    let mut line = Line::default();
    for span in spans {
        let length = span.content.chars().count();
        if length > left {
            let cut: String = span.content.chars().take(left.saturating_sub(1)).collect();
            let end = if left > 0 { "…" } else { "" };
            line.spans.push(Span::styled(format!("{cut}{end}"), span.style));
            return line;
        }
        left -= length;
        line.spans.push(span);
    }
    line
}
