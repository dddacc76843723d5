//! The list of deliveries, each with its events below it.

use jiff::Timestamp;
use operator::watch::{Outcome, WatchedDelivery, WatchedEvent};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::super::model::{App, Posting, Row};
use super::colours::{BAD, DOUBTFUL, GOOD, TOLD};
use super::columns::{ANSWER, Columns, GAP, MARK, STATUS};
use super::text::{clock_text, count, cut, entity_text, fit, posting_text, state_text};
use crate::output::harmless_line;
use crate::times::age_at;

/// Holds what all rows are drawn by.
struct Sheet<'s> {
    app: &'s App,
    columns: Columns,
    now: Timestamp,
    width: usize,
}

/// Draws the names of the columns, and the rows around the selected one.
pub(super) fn draw_list(frame: &mut Frame<'_>, app: &App, rows: &[Row], area: Rect, now: Timestamp) {
    let [header, inner] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let sheet = Sheet::of(app, usize::from(area.width), now);
    frame.render_widget(sheet.header(), header);
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
    let lines = rows.iter().enumerate().skip(first).take(height).map(|(at, row)| {
        let mut line = sheet.row(*row);
        // Filled up, so that the whole row is highlighted.
        let rest = sheet.width.saturating_sub(line.width());
        line.push_span(Span::raw(" ".repeat(rest)));
        match selected == Some(at) {
            true => line.style(Style::new().add_modifier(Modifier::REVERSED)),
            false => line,
        }
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

impl<'s> Sheet<'s> {
    fn of(app: &'s App, width: usize, now: Timestamp) -> Self {
        let outcome = app.posts.as_ref().map(|_| ANSWER);
        Self {
            app,
            columns: Columns::of(width, outcome.or_else(|| app.shows_states().then_some(STATUS))),
            now,
            width,
        }
    }

    /// Writes the line above the list, which names the columns that there is room for.
    fn header(&self) -> Line<'static> {
        let columns = &self.columns;
        let outcome = match self.app.posts {
            Some(_) => "answer",
            None => "status",
        };
        let names = [
            ("age", columns.age),
            ("event", columns.kind),
            ("entity", columns.entity),
            (outcome, columns.outcome),
            ("event id", columns.event_id),
        ];
        let mut text = format!("{:MARK$}{}", "", fit("time", columns.time));
        for (name, width) in names.into_iter().filter(|(_, width)| *width > 0) {
            text.push_str(&format!("{:GAP$}{}", "", fit(name, width)));
        }
        Line::from(fit(&text, self.width)).dim().underlined()
    }

    fn row(&self, row: Row) -> Line<'static> {
        let mut spans = match (self.app.event(row), self.app.delivery(row)) {
            (Some(event), _) => self.event(row, event),
            (None, Some(delivery)) => self.delivery(row, delivery),
            (None, None) => Vec::new(),
        };
        spans.retain(|span| span.width() > 0);
        Line::from(spans)
    }

    /// Begins a row with its time and, where there is room, its age.
    fn beginning(&self, mark: Span<'static>, at: Option<Timestamp>) -> Vec<Span<'static>> {
        let Columns { time, age, .. } = self.columns;
        let clock = at.map(|at| clock_text(at, self.now, &self.app.setting.zone, time));
        let mut spans = vec![mark, Span::raw(fit(&clock.unwrap_or_default(), time)).dim()];
        if age > 0 {
            let told = at.map(|at| age_at(self.now, at)).unwrap_or_default();
            spans.push(Span::raw(format!("{:GAP$}{}", "", fit(&told, age))).dim());
        }
        spans
    }

    fn event(&self, row: Row, event: &WatchedEvent) -> Vec<Span<'static>> {
        let columns = &self.columns;
        let at = event.occurred_at.as_ref().and_then(|at| at.parse().ok());
        let mut spans = self.beginning(Span::raw(" ".repeat(MARK)), at);
        let entity = event.entity.as_deref().unwrap_or("no entity");
        let cells = [
            Span::raw(fit(&event.r#type, columns.kind)).bold(),
            Span::raw(entity_text(entity, columns.entity)),
            self.outcome(row, event),
            Span::raw(fit(&event.event_id, columns.event_id)).dim(),
        ];
        for cell in cells.into_iter().filter(|cell| cell.width() > 0) {
            spans.extend([Span::raw(" ".repeat(GAP)), cell]);
        }
        spans
    }

    /// Writes what the program answered, or the state of the event's entity.
    fn outcome(&self, row: Row, event: &WatchedEvent) -> Span<'static> {
        let width = self.columns.outcome;
        let nothing = || Span::raw(" ".repeat(width));
        match (&self.app.posts, &event.state) {
            (Some(posts), _) => posts.of(row).map_or_else(nothing, |posting| {
                answer(fit(&posting_text(posting, width), width), posting)
            }),
            (None, Some(state)) => {
                let colour = if state.processed { TOLD } else { DOUBTFUL };
                Span::raw(fit(state_text(state), width)).fg(colour)
            }
            (None, None) => nothing(),
        }
    }

    /// Writes a delivery with as many of its facts as there is room for, the ones first that matter most.
    fn delivery(&self, row: Row, delivery: &WatchedDelivery) -> Vec<Span<'static>> {
        let mark = match delivery.result {
            Outcome::Verified => "✓ ".fg(GOOD),
            Outcome::Quarantined | Outcome::Unreadable => "✗ ".fg(BAD).bold(),
        };
        let mut spans = self.beginning(mark, Some(delivery.received_at));
        let mut room = self.width.saturating_sub(spans.iter().map(Span::width).sum());
        for fact in self.facts(row, delivery, room) {
            let width = GAP + fact.width();
            if width > GAP && width <= room {
                room -= width;
                spans.extend([Span::raw(" ".repeat(GAP)), fact]);
            }
        }
        spans
    }

    fn facts(&self, row: Row, delivery: &WatchedDelivery, room: usize) -> Vec<Span<'static>> {
        let name = delivery.result.name();
        let result = match delivery.result {
            Outcome::Verified => name.fg(GOOD),
            Outcome::Quarantined | Outcome::Unreadable => name.fg(BAD).bold(),
        };
        let left = room.saturating_sub(result.width() + 2 * GAP);
        let text = |text: &Option<String>| cut(text.as_deref().unwrap_or_default(), left);
        let posting = self.app.posts.as_ref().and_then(|posts| posts.of(row));
        let events = match delivery.events.len() {
            0 => String::new(),
            events => count(events, "event", "events"),
        };
        let source = delivery.source_address.as_deref();
        let from = source.map(|address| format!("from {}", harmless_line(address)));
        vec![
            result,
            Span::raw(text(&delivery.reason)).fg(BAD),
            posting.map_or_else(Span::default, |posting| {
                answer(posting_text(posting, ANSWER.1), posting)
            }),
            Span::raw(text(&delivery.out_of_time)).fg(DOUBTFUL),
            Span::raw(cut(&delivery.flags.join(", "), left)).fg(DOUBTFUL),
            Span::raw(events),
            Span::raw(from.unwrap_or_default()).dim(),
            Span::raw(harmless_line(&delivery.delivery_id)).dim(),
        ]
    }
}

/// Gives the text about what was posted the colour that it means.
fn answer(text: String, posting: &Posting) -> Span<'static> {
    let text = Span::raw(text);
    match posting {
        Posting::Answered(post) if post.is_taken() => text.fg(GOOD),
        Posting::Answered(_) | Posting::Missing => text.fg(BAD),
        Posting::Begun => text.fg(DOUBTFUL),
        Posting::Nothing => text.dim(),
    }
}
