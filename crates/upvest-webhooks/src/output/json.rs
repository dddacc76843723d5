//! JSON for people.

use serde::de::IgnoredAny;

/// Indents a valid JSON text. Only the space between tokens changes: keys keep their order and numbers all their
/// digits, which a parsed value would not.
pub(crate) fn pretty(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut opened) = (0_usize, false, false, false);
    for character in json.chars() {
        if in_string {
            text.push(character);
            in_string = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        if character.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(character, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if opened != closes {
            // After an opening bracket, unless it closes at once, and before a closing one.
            break_line(&mut text, depth);
        }
        text.push(character);
        opened = matches!(character, '{' | '[');
        match character {
            '{' | '[' => depth += 1,
            ',' => break_line(&mut text, depth),
            ':' => text.push(' '),
            '"' => in_string = true,
            _ => {}
        }
    }
    text
}

/// Indents a text that is JSON, and leaves all else as it is.
pub(crate) fn readable(text: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => pretty(text),
        Err(_) => text.to_owned(),
    }
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_space_between_tokens_changes() {
        let json = r#"{"z":"a, {\"b\"} [\\","a": [1.000000000000000000010,{}, [] ,"\\"],"n":null}"#;
        let expected = r#"{
  "z": "a, {\"b\"} [\\",
  "a": [
    1.000000000000000000010,
    {},
    [],
    "\\"
  ],
  "n": null
}"#;
        assert_eq!(pretty(json), expected);
    }

    #[test]
    fn pretty_text_stays_as_it_is() {
        for json in ["7", "{}", "\"a b\"", "[\n  1\n]", "{\n  \"a\": [\n    {}\n  ]\n}"] {
            assert_eq!(pretty(json), json);
        }
    }
}
