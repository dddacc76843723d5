//! Text from outside, made fit to be printed: it steers no terminal and does not look like something else.
//!
//! Everything that a command prints goes through here, because nearly all of it can hold what others sent: key ids and headers
//! of strangers, ids and objects of events, what an error repeats of them. A control character moves the cursor, rings, or
//! begins an escape sequence that hides lines, sets the title or types into the shell; one of format turns the order of
//! letters around, or is not seen.

/// Tells whether a character is not to reach a terminal as it is. A line break is judged by who knows what a line is.
fn is_harmful(character: char) -> bool {
    match character {
        '\n' => false,
        // C0, DEL and C1.
        _ if character.is_control() => true,
        // Marks, embeddings, overrides and isolates of bidirectional text.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // What some terminals and pagers break lines at.
        '\u{2028}' | '\u{2029}' => true,
        // What takes no room, so that two ids look like one. The joiners of scripts that need them stay.
        '\u{00ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// Replaces what would steer the operator's terminal, or show other text than is there.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |character| match is_harmful(character) {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    text.chars().map(shown).collect()
}

/// Makes text fit to be a part of one line: a line break in it would begin a line that others wrote.
pub(crate) fn harmless_line(text: &str) -> String {
    harmless(text).replace('\n', "\u{fffd}")
}

/// Escapes what would steer the operator's terminal in a valid JSON text, as JSON allows, so that it is the same value. Such
/// characters can be in its strings alone, but for the space between tokens.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            // They stand between tokens: within a string JSON has them escaped already.
            '\r' | '\t' => text.push(' '),
            _ if is_harmful(character) => {
                let mut units = [0; 2];
                let units = character.encode_utf16(&mut units).iter();
                text.extend(units.map(|unit| format!("\\u{unit:04x}")));
            }
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds an escape sequence, C1's, the end of a window title, bidirectional overrides and what is not seen.
    const HOSTILE: &str =
        "a\u{1b}[2J\u{9b}31m\u{7}\u{7f}\u{85}\r\u{202e}b\u{2066}c\u{200f}\u{feff}\u{200b}\u{2028}\u{e0041}d";

    fn is_safe(text: &str) -> bool {
        let mut characters = text.chars();
        characters.all(|character| {
            let code = u32::from(character);
            let is_seen =
                !matches!(code, 0x200b | 0x200f | 0x2028 | 0x202a..=0x202e | 0x2066..=0x2069 | 0xfeff);
            character == '\n' || (code >= 0x20 && !(0x7f..0xa0).contains(&code) && is_seen && code < 0xe_0000)
        })
    }

    #[test]
    fn what_steers_a_terminal_or_hides_is_replaced() {
        let shown = harmless(HOSTILE);
        assert!(is_safe(&shown), "{shown:?}");
        assert_eq!(shown.chars().count(), HOSTILE.chars().count());
        assert_eq!(harmless("Größe ✓ 日本\nfa"), "Größe ✓ 日本\nfa");
        assert_eq!(harmless_line("a\nb"), "a\u{fffd}b");
    }

    #[test]
    fn in_json_it_is_escaped_and_stays_the_same_value() {
        let json = serde_json::to_string(&[HOSTILE]).unwrap();
        let escaped = harmless_json(&json);
        assert!(is_safe(&escaped), "{escaped:?}");
        let value: Vec<String> = serde_json::from_str(&escaped).unwrap();
        assert_eq!(value, [HOSTILE]);
        assert_eq!(harmless_json("{\r\n\t\"a\": 1}"), "{ \n \"a\": 1}");
    }
}
