//! Colours: those of the terminal alone, and none where none are wanted.

use super::super::colours::TOLD;
use super::*;

fn drawn(app: &mut App, keys: &str) -> Buffer {
    press(app, keys);
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
    terminal.draw(|frame| draw(frame, app, now())).unwrap();
    terminal.backend().buffer().clone()
}

#[test]
fn colours_are_of_the_terminals_palette_and_its_background_stays() {
    let mut app = running();
    for keys in ["", "\n", "?", "?e"] {
        let buffer = drawn(&mut app, keys);
        let readable = [Color::Reset, GOOD, BAD, DOUBTFUL, TOLD];
        assert!(
            buffer.content.iter().any(|cell| cell.fg != Color::Reset),
            "{keys}"
        );
        for cell in &buffer.content {
            assert_eq!(cell.bg, Color::Reset, "{keys}");
            assert!(readable.contains(&cell.fg), "{keys}: {:?}", cell.fg);
        }
    }
}

#[test]
fn without_colours_all_that_is_said_is_still_there() {
    let mut plain = filled(App::new(Setting {
        has_colours: false,
        ..setting()
    }));
    let buffer = drawn(&mut plain, "\n");
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
    assert_eq!(text(&buffer, 100), text(&drawn(&mut running(), "\n"), 100));
}
