//! The explanation of an entity, an event or a delivery, in place of the list.

use operator::explain::Explanation;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::super::model::App;
use super::colours::{BAD, DOUBTFUL, GOOD};
use super::details::within;
use super::text::{broken, fit};
use crate::output::{Report, harmless, harmless_line, laid_out};

/// Gives what the marks of a line mean, as in the text of `explain`.
const MARKS: [(&str, Color); 3] = [("✓", GOOD), ("✗", BAD), ("?", DOUBTFUL)];

pub(super) fn draw_explanation(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let Some(explained) = &mut app.explained else {
        return;
    };
    let title = format!(" explain {} ", harmless_line(&explained.subject));
    let title = fit(&title, title.chars().count().min(usize::from(area.width)));
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(Style::new().dim())
        .title(title.bold());
    let inner = block.inner(area);
    let lines = account_lines(explained.account.as_ref(), usize::from(inner.width));
    explained.offset = within(explained.offset, lines.len(), inner);
    let pane = Paragraph::new(lines).scroll((explained.offset, 0)).block(block);
    frame.render_widget(pane, area);
}

fn account_lines(account: Option<&Result<Box<Explanation>, String>>, width: usize) -> Vec<Line<'static>> {
    match account {
        None => vec![Line::from("reading the log, the archive and the records ...").dim()],
        Some(Err(why)) => {
            let lines = broken(&harmless_line(why), width).into_iter();
            lines.map(|line| Line::from(line).fg(BAD)).collect()
        }
        Some(Ok(explanation)) => {
            let text = harmless(&laid_out(Some(width), || explanation.text()));
            text.lines().flat_map(|line| marked(line, width)).collect()
        }
    }
}

/// Breaks a line to the width, its mark in the colour that it means.
fn marked(line: &str, width: usize) -> Vec<Line<'static>> {
    let mark = MARKS.into_iter().find_map(|(mark, colour)| {
        let is_marked = line.trim_start().starts_with(&format!("{mark} "));
        is_marked.then_some((mark, colour))
    });
    let lines = broken(line, width).into_iter().enumerate();
    lines
        .map(|(at, text)| {
            match mark.and_then(|(mark, colour)| Some((text.split_once(mark)?, mark, colour))) {
                Some(((before, after), mark, colour)) if at == 0 => Line::from(vec![
                    Span::raw(before.to_owned()),
                    Span::raw(mark).fg(colour),
                    Span::raw(after.to_owned()),
                ]),
                _ => Line::from(text),
            }
        })
        .collect()
}
