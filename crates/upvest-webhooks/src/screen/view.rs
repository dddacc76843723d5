//! Draws the screen: a header and the status, the list with details or an explanation, and the keys.

mod colours;
mod columns;
mod details;
mod explanation;
mod help;
mod list;
#[cfg(test)]
mod tests;
mod text;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use self::colours::{BAD, DOUBTFUL, GOOD};
use self::text::count;
pub(crate) use self::text::state_text;
use super::model::{App, Row};
use crate::output::harmless_line;

/// Says from which width on, in columns, details stand beside the list.
const WIDE: u16 = 140;
/// Says from which height on, in lines, details stand below the list; on a smaller screen, in its place.
const TALL: u16 = 24;
/// Gives the size, in columns and lines, below which nothing of use can be shown.
const LEAST: (u16, u16) = (40, 8);

/// Draws the whole screen: header, status, list with details or an explanation, and keys.
pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App, now: Timestamp) {
    let area = frame.area();
    match area.width < LEAST.0 || area.height < LEAST.1 {
        true => draw_too_small(frame, area),
        false => draw_all(frame, app, now, area),
    }
    // At the end, so that nothing that draws has to ask for it.
    if !app.setting.has_colours {
        take_colours_out(frame.buffer_mut());
    }
}

fn draw_too_small(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = LEAST;
    let text = format!(
        "too small: {} x {}, and it takes {width} x {height}; q quits",
        area.width, area.height
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

fn draw_all(frame: &mut Frame<'_>, app: &mut App, now: Timestamp, area: Rect) {
    let [header, status, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(area);
    let rows = app.rows();
    draw_header(frame, app, now, header);
    draw_status(frame, app, &rows, status);
    help::draw_footer(frame, app, footer);
    if app.explained.is_some() {
        explanation::draw_explanation(frame, app, body);
    } else {
        let (list, details) = arrange(app, body);
        if let Some(list) = list {
            list::draw_list(frame, app, &rows, list, now);
        }
        if let Some(details) = details {
            details::draw_details(frame, app, details, now);
        }
    }
    if app.help.is_some() {
        help::draw_help(frame, app, body);
    }
}

fn take_colours_out(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.fg = Color::Reset;
        cell.bg = Color::Reset;
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
    let title = format!(" {} ", harmless_line(&app.setting.title));
    let events = count(rates.events, "event", "events");
    let deliveries = count(rates.deliveries, "delivery", "deliveries");
    let counts = format!("in the last minute: {deliveries}, {events}");
    let short = format!("{}/min, {events}", rates.deliveries);
    let quarantined = match rates.quarantined {
        0 => Span::raw(" "),
        count => Span::raw(format!(", {count} quarantined ")).fg(BAD).bold(),
    };
    let fits = title.chars().count() + counts.len() + quarantined.width() <= usize::from(area.width);
    let right = Line::from(vec![Span::raw(if fits { counts } else { short }), quarantined]);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let title = shortened(&title, usize::from(area.width - width));
    frame.render_widget(Line::from(Span::raw(title).bold()), area);
    let place = Rect {
        x: area.right() - width,
        width,
        ..area
    };
    frame.render_widget(right, place);
}

/// Cuts a text to so many characters, and marks that it was cut.
fn shortened(text: &str, room: usize) -> String {
    match text.chars().count() <= room {
        true => text.to_owned(),
        false => text
            .chars()
            .take(room.saturating_sub(2))
            .chain(['…', ' '])
            .collect(),
    }
}

fn draw_status(frame: &mut Frame<'_>, app: &App, rows: &[Row], area: Rect) {
    if app.editing {
        return draw_filter(frame, app, area);
    }
    let line = if let Some(notice) = &app.notice {
        Line::from(format!(" {}", harmless_line(notice))).bold()
    } else if let Some(trouble) = &app.trouble {
        Line::from(format!(" {}", harmless_line(trouble))).fg(BAD)
    } else {
        mode(app, rows)
    };
    frame.render_widget(line, area);
}

/// Draws the filter with the terminal's own cursor in it; of a long one, what is around the cursor.
fn draw_filter(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let name = " filter: ";
    let [before, input] = Layout::horizontal([
        Constraint::Length(u16::try_from(name.len()).unwrap_or(u16::MAX)),
        Constraint::Min(0),
    ])
    .areas(area);
    frame.render_widget(Line::from(name).bold(), before);
    // The last column is for a cursor behind the last letter.
    let width = usize::from(input.width.saturating_sub(1));
    let hidden = app.filter.visual_scroll(width);
    let column = |cells: usize| u16::try_from(cells).unwrap_or(u16::MAX);
    let text = Paragraph::new(harmless_line(app.filter.value())).scroll((0, column(hidden)));
    frame.render_widget(text, input);
    let cursor = column(app.filter.visual_cursor().saturating_sub(hidden));
    frame.set_cursor_position((input.x.saturating_add(cursor), input.y));
}

/// Tells what the list shows, and whether it moves.
fn mode(app: &App, rows: &[Row]) -> Line<'static> {
    let mut spans = vec![match (app.held_back(), app.following) {
        (Some(0), _) => " paused".fg(DOUBTFUL),
        (Some(new), _) => Span::raw(format!(" paused, {new} new")).fg(DOUBTFUL),
        (None, true) => " following".fg(GOOD),
        (None, false) => " not following".fg(DOUBTFUL),
    }];
    let shown = rows.iter().filter(|row| row.event.is_none()).count();
    spans.push(match app.kept() {
        kept if kept == shown => Span::raw(format!("  {}", count(kept, "delivery", "deliveries"))).dim(),
        kept => Span::raw(format!("  {shown} of {}", count(kept, "delivery", "deliveries"))).dim(),
    });
    if app.posts.is_some() {
        let tally = app.tally();
        spans.push(Span::raw(format!("  {} taken", tally.taken)));
        if tally.not_taken > 0 {
            spans.push(Span::raw(format!(", {} not taken", tally.not_taken)).fg(BAD));
        }
    }
    if app.setting.quarantine_only {
        spans.push("  quarantine only".fg(BAD));
    }
    if !app.filter.value().is_empty() {
        spans.push(Span::raw(format!("  filter: {}", harmless_line(app.filter.value()))).bold());
    }
    Line::from(spans)
}
