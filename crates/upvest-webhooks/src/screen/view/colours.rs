//! Which colour says what.
//!
//! They are the terminal's own, of which it has ones that can be read on its background, be that light or dark. Yellow cannot on
//! white, nor blue on black, and no background is set.

use ratatui::style::Color;

pub(super) const GOOD: Color = Color::Green;
pub(super) const BAD: Color = Color::Red;
pub(super) const DOUBTFUL: Color = Color::Magenta;
pub(super) const TOLD: Color = Color::Cyan;
