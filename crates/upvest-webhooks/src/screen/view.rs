//! How the screen looks.

mod details;
mod list;

use jiff::Timestamp;
use operator::watch::EntityState;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::model::{App, Row};
use crate::output::harmless_line;

/// Says from which width on, in columns, details stand beside the list.
const WIDE: u16 = 140;
/// Says from which height on, in lines, details stand below the list; on a smaller screen, in its place.
const TALL: u16 = 24;
/// Draws the whole screen: header, status, list or details, and keys.
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
        list::draw_list(frame, app, &rows, list);
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
    let title = format!(" {} ", harmless_line(&app.title));
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
            Span::raw(harmless_line(&app.filter)),
            "▏".bold(),
            "  enter keeps it, esc clears it".dim(),
        ])
    } else if let Some(trouble) = &app.trouble {
        Line::from(format!(" {}", harmless_line(trouble))).fg(Color::LightRed)
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
        spans.push(format!("  filter: {}", harmless_line(&app.filter)).bold());
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

/// Writes the status; until the event is in it, only that the event waits for that.
pub(crate) fn state_text(state: &EntityState) -> &str {
    match state.processed {
        true => state.status.as_deref().unwrap_or("no status"),
        false => "waiting",
    }
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

/// Cuts or fills text to exactly this width; what is too long loses its middle, because ids differ at their ends.
fn fit(text: &str, width: usize) -> String {
    let text = harmless_line(text);
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

#[cfg(test)]
mod tests;
