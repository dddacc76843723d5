//! How the screen looks.

mod details;

use std::iter;

use jiff::Timestamp;
use operator::watch::{Outcome, WatchedDelivery, WatchedEvent};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::lines::state_text;
use super::model::{App, Row};
use crate::output::harmless;

/// Says from which width on, in columns, details stand beside the list.
const WIDE: u16 = 140;
/// Says from which height on, in lines, details stand below the list; on a smaller screen, in its place.
const TALL: u16 = 24;
/// Gives the width of an event's type where there is room.
const TYPE_WIDTH: usize = 28;
/// Gives the width of an entity: most are a category and a UUID.
const ENTITY_WIDTH: usize = 46;
const EVENT_ID_WIDTH: usize = 36;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, now: Timestamp) {
    let [header, status, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let rows = app.rows();
    draw_header(frame, app, now, header);
    draw_status(frame, app, &rows, status);
    draw_footer(frame, app, footer);
    let (list, details) = arrange(app, body);
    if let Some(list) = list {
        draw_list(frame, app, &rows, list);
    }
    if let Some(details) = details {
        details::draw_details(frame, app, details);
    }
}

/// Decides where the list and the details go.
fn arrange(app: &App, body: Rect) -> (Option<Rect>, Option<Rect>) {
    if !app.details {
        return (Some(body), None);
    }
    let both = match (body.width >= WIDE, body.height >= TALL) {
        (true, _) => Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]),
        (false, true) => Layout::vertical([Constraint::Fill(2), Constraint::Fill(3)]),
        (false, false) => return (None, Some(body)),
    };
    let [list, details] = both.areas(body);
    (Some(list), Some(details))
}

fn draw_header(frame: &mut Frame<'_>, app: &mut App, now: Timestamp, area: Rect) {
    let rates = app.rates(now);
    let title = format!(" {} ", line_of(&app.title));
    let events = count(rates.events, "event", "events");
    let deliveries = count(rates.deliveries, "delivery", "deliveries");
    let counts = format!("in the last minute: {deliveries}, {events}");
    let short = format!("{}/min, {events}", rates.deliveries);
    let quarantined = match rates.quarantined {
        0 => Span::raw(" "),
        count => Span::styled(
            format!(", {count} quarantined "),
            Style::new().fg(Color::LightRed).bold(),
        ),
    };
    let fits = title.len() + counts.len() + quarantined.width() <= usize::from(area.width);
    let right = Line::from(vec![Span::raw(if fits { counts } else { short }), quarantined]);
    let style = Style::new().bg(Color::Blue).fg(Color::White);
    frame.render_widget(Paragraph::new(title.bold()).style(style), area);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let place = Rect {
        x: area.right() - width,
        width,
        ..area
    };
    frame.render_widget(Paragraph::new(right).style(style), place);
}

fn draw_status(frame: &mut Frame<'_>, app: &App, rows: &[Row], area: Rect) {
    let line = if app.editing {
        Line::from(vec![
            " filter: ".bold(),
            Span::raw(line_of(&app.filter)),
            "▏".bold(),
            "  enter keeps it, esc clears it".dim(),
        ])
    } else if let Some(trouble) = &app.trouble {
        Line::from(format!(" {}", line_of(trouble))).fg(Color::LightRed)
    } else {
        mode(app, rows)
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// Tells what the list shows, and whether it moves.
fn mode(app: &App, rows: &[Row]) -> Line<'static> {
    let mut spans = vec![match (app.held_back(), app.following) {
        (Some(0), _) => " paused".fg(Color::Yellow),
        (Some(new), _) => format!(" paused, {new} new").fg(Color::Yellow),
        (None, true) => " following".fg(Color::Green),
        (None, false) => " not following".fg(Color::Yellow),
    }];
    let shown = rows.iter().filter(|row| row.event.is_none()).count();
    spans.push(match app.kept() {
        kept if kept == shown => format!("  {}", count(kept, "delivery", "deliveries")).dim(),
        kept => format!("  {shown} of {}", count(kept, "delivery", "deliveries")).dim(),
    });
    if app.quarantine_only {
        spans.push("  quarantine only".fg(Color::LightRed));
    }
    if !app.filter.is_empty() {
        spans.push(format!("  filter: {}", line_of(&app.filter)).bold());
    }
    Line::from(spans)
}

fn draw_footer(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let mut keys = vec![
        ("q", "quit"),
        ("enter", "details"),
        ("/", "filter"),
        ("space", "pause"),
    ];
    if app.details {
        keys.extend([("o", "object"), ("J K", "scroll")]);
    }
    keys.extend([("x", "quarantine"), ("f", "follow"), ("↑ ↓", "move")]);
    let mut line = Line::default();
    for (key, meaning) in keys {
        let spans = [format!(" {key}").bold(), format!(" {meaning} ").dim()];
        // Half a word explains nothing.
        let width: usize = spans.iter().map(Span::width).sum();
        if line.width() + width <= usize::from(area.width) {
            line.spans.extend(spans);
        }
    }
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_list(frame: &mut Frame<'_>, app: &App, rows: &[Row], area: Rect) {
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
        spans.push(Span::raw(format!("  {}", line_of(reason))).fg(Color::LightRed));
    }
    if let Some(out_of_time) = &delivery.out_of_time {
        spans.push(Span::raw(format!("  {}", line_of(out_of_time))).fg(Color::Yellow));
    }
    if !delivery.events.is_empty() {
        let events = count(delivery.events.len(), "event", "events");
        spans.push(Span::raw(format!("  {events}")));
    }
    if !is_narrow {
        let from = delivery
            .source_address
            .as_deref()
            .map(|address| format!("  from {}", line_of(address)));
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
        spans.push(Span::raw(format!("  {}", line_of(&event.event_id))).dim());
    }
    cut_line(spans, width)
}

/// Writes a number with what it counts.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Writes the time of day, UTC, to the millisecond.
fn time_of_day(at: Timestamp) -> String {
    let text = format!("{at:.3}");
    text.split_once('T')
        .map_or(text.clone(), |(_, time)| time.trim_end_matches('Z').to_owned())
}

/// Makes text of others fit to be a part of one line.
fn line_of(text: &str) -> String {
    harmless(text).replace('\n', "\u{fffd}")
}

/// Cuts or fills text to exactly this width; what is too long loses its middle, because ids differ at their ends.
fn fit(text: &str, width: usize) -> String {
    let text = line_of(text);
    let length = text.chars().count();
    if length <= width {
        return format!("{text:<width$}");
    }
    let kept = width.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    match width {
        0 => String::new(),
        _ => format!("{head}…{tail}"),
    }
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

#[cfg(test)]
mod tests;
