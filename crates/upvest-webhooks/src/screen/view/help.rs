//! What the keys do: in short at the bottom, and all of them on request.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::super::model::App;
use super::details::within;
use super::text::broken;

/// Gives the room that a key takes, with the spaces around it.
const KEY: usize = 13;
/// Gives the columns that the explanation takes at most, with its border.
const WIDTH: u16 = 76;

type Key = (&'static str, &'static str);

/// Lists the keys, those first that are looked for most.
const KEYS: [Key; 15] = [
    ("?", "show the keys; any of ? q esc hides them"),
    ("q  ctrl-c", "quit"),
    ("↑ ↓  k j", "move; page up and page down move by ten"),
    ("g  home", "go to the oldest row"),
    ("f  G  end", "follow: go to the newest row, and stay at it"),
    ("space", "pause: let the rows stand still, and go on"),
    ("enter", "show or hide the details of the row"),
    ("J K", "scroll the details"),
    ("o", "show or hide the event's object, which is personal data"),
    (
        "e",
        "explain the entity of the event, or the delivery; esc goes back",
    ),
    ("y", "copy the id of the event or the delivery (OSC 52)"),
    ("Y", "copy the entity of the event"),
    (
        "/",
        "filter by a part of a type, an id, an entity, a reason, an address; ← → home end, ctrl-w, ctrl-u and ctrl-k edit it",
    ),
    ("esc", "hide the details, or else clear the filter"),
    ("x", "show only quarantine, or all"),
];
/// Lists the keys that there are where events are posted to a program.
const POSTING_KEYS: [Key; 2] = [
    ("r", "post the event, or all of the delivery, again"),
    ("R", "post all again that the program did not take"),
];

/// Explains all keys over what is there.
pub(super) fn draw_help(frame: &mut Frame<'_>, app: &mut App, body: Rect) {
    let posting: &[Key] = match app.posts {
        Some(_) => &POSTING_KEYS,
        None => &[],
    };
    let width = body.width.min(WIDTH);
    let room = usize::from(width).saturating_sub(KEY + 3);
    let keys = KEYS.iter().chain(posting);
    let lines: Vec<Line<'_>> = keys.flat_map(|key| key_lines(*key, room)).collect();
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(body.height);
    let area = body.centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered()
        .border_style(Style::new().dim())
        .title(" keys ".bold())
        .title_bottom(" times are local; ↑ ↓ scroll ".dim());
    let inner = block.inner(area);
    let offset = within(app.help.unwrap_or_default(), lines.len(), inner);
    app.help = Some(offset);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).scroll((offset, 0)).block(block), area);
}

fn key_lines(key: Key, room: usize) -> Vec<Line<'static>> {
    let (name, meaning) = key;
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let lines = names.zip(broken(meaning, room));
    lines
        .map(|(name, part)| {
            // What goes on hangs below by the name's room alone.
            let part = part.trim_start().to_owned();
            Line::from(vec![Span::raw(format!(" {name:<11} ")).bold(), Span::raw(part)])
        })
        .collect()
}

/// Tells the keys that are of use now, as many as fit.
pub(super) fn draw_footer(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let mut line = Line::default();
    for (key, meaning) in useful_keys(app) {
        let spans = [
            Span::raw(format!(" {key}")).bold(),
            Span::raw(format!(" {meaning} ")).dim(),
        ];
        // Half a word explains nothing.
        let width: usize = spans.iter().map(Span::width).sum();
        if line.width() + width <= usize::from(area.width) {
            line.spans.extend(spans);
        }
    }
    frame.render_widget(line, area);
}

/// Lists the keys that are of use now, those first that are looked for most.
fn useful_keys(app: &App) -> Vec<Key> {
    if app.help.is_some() {
        return vec![("?", "back"), ("↑ ↓", "scroll")];
    }
    if app.editing {
        return vec![
            ("enter", "keep"),
            ("esc", "clear"),
            ("← →", "move"),
            ("ctrl-w", "delete a word"),
        ];
    }
    if app.explained.is_some() {
        return vec![
            ("esc", "back"),
            ("↑ ↓", "scroll"),
            ("y", "copy its name"),
            ("?", "keys"),
        ];
    }
    let mut keys = vec![
        ("?", "keys"),
        ("q", "quit"),
        ("enter", "details"),
        ("/", "filter"),
    ];
    if app.posts.is_some() {
        keys.push(("r", "post again"));
    }
    if app.details {
        keys.extend([("o", "object"), ("J K", "scroll")]);
    }
    keys.extend([
        ("e", "explain"),
        ("space", "pause"),
        ("y", "copy id"),
        ("x", "quarantine"),
        ("f", "follow"),
        ("↑ ↓", "move"),
    ]);
    keys
}
