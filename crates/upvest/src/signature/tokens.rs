//! A tokenizer for `signature-input`, `signature` and `content-digest`.
//!
//! It is written by hand because the value of `@signature-params` is the received text, to the byte: parameter order
//! and spacing differ between senders, and a structured-field library gives back parsed values whose serialisation
//! need not be that text. It also has to see what RFC 8941 parsers silently fold away: repeated labels and parameters.

use super::{MAX_COMPONENTS, MAX_LABELS, MAX_PARAMETERS};

/// Tells what is wrong with a header's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyntaxError {
    Malformed,
    DuplicateLabel,
    TooManyLabels,
    TooManyComponents,
    TooManyParameters,
}

/// Holds one `label=("name" ...);parameter=value` of `signature-input`, parsed and not verified.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) label: &'a str,
    /// Holds everything after `label=`, as received.
    pub(super) text: &'a str,
    pub(super) components: Vec<Component<'a>>,
    pub(super) parameters: Vec<(&'a str, Value<'a>)>,
}

#[derive(Debug)]
pub(super) struct Component<'a> {
    pub(super) name: &'a str,
    pub(super) has_parameters: bool,
}

/// Holds the value of a signature parameter, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// The value is a text: what stands between the quotes, with its escapes.
    String(&'a str),
    Integer(i64),
    Other,
}

/// Parses a whole `signature-input` header, within the limits on labels, components and parameters.
pub(super) fn parse_signature_input(text: &str) -> Result<Vec<Member<'_>>, SyntaxError> {
    let mut members: Vec<Member<'_>> = Vec::new();
    Cursor { text, at: 0 }.members(|cursor, label| {
        if members.iter().any(|member| member.label == label) {
            return Err(SyntaxError::DuplicateLabel);
        }
        let start = cursor.at;
        let components = cursor.components()?;
        let parameters = cursor.parameters()?;
        let text = cursor.since(start);
        members.push(Member {
            label,
            text,
            components,
            parameters,
        });
        Ok(())
    })?;
    Ok(members)
}

/// Parses a dictionary of byte sequences, `label=:base64:, ...`, without decoding them.
pub(super) fn parse_byte_sequences(text: &str) -> Result<Vec<(&str, &str)>, SyntaxError> {
    let mut sequences: Vec<(&str, &str)> = Vec::new();
    Cursor { text, at: 0 }.members(|cursor, label| {
        if sequences.iter().any(|(other, _)| *other == label) {
            return Err(SyntaxError::DuplicateLabel);
        }
        sequences.push((label, cursor.byte_sequence()?));
        Ok(())
    })?;
    Ok(sequences)
}

/// Says whether `key` is a key of a structured-field dictionary.
pub(super) fn is_key(key: &str) -> bool {
    let mut cursor = Cursor { text: key, at: 0 };
    cursor.key().is_ok() && cursor.peek().is_none()
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn members(
        mut self,
        mut member: impl FnMut(&mut Self, &'a str) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        for _ in 0..MAX_LABELS {
            let label = self.key()?;
            self.expect(b'=')?;
            member(&mut self, label)?;
            self.skip(|byte| matches!(byte, b' ' | b'\t'));
            if self.peek().is_none() {
                return Ok(());
            }
            self.expect(b',')?;
            self.skip(|byte| matches!(byte, b' ' | b'\t'));
        }
        Err(SyntaxError::TooManyLabels)
    }

    fn components(&mut self) -> Result<Vec<Component<'a>>, SyntaxError> {
        let mut components = Vec::new();
        self.expect(b'(')?;
        self.skip(|byte| byte == b' ');
        while !self.eat(b')') {
            if components.len() == MAX_COMPONENTS {
                return Err(SyntaxError::TooManyComponents);
            }
            let name = self.string()?;
            let has_parameters = !self.parameters()?.is_empty();
            components.push(Component { name, has_parameters });
            let at = self.at;
            self.skip(|byte| byte == b' ');
            if self.at == at && self.peek() != Some(b')') {
                return Err(SyntaxError::Malformed);
            }
        }
        Ok(components)
    }

    fn parameters(&mut self) -> Result<Vec<(&'a str, Value<'a>)>, SyntaxError> {
        let mut parameters = Vec::new();
        while self.eat(b';') {
            if parameters.len() == MAX_PARAMETERS {
                return Err(SyntaxError::TooManyParameters);
            }
            self.skip(|byte| byte == b' ');
            let key = self.key()?;
            let value = if self.eat(b'=') {
                self.value()?
            } else {
                Value::Other
            };
            parameters.push((key, value));
        }
        Ok(parameters)
    }

    fn value(&mut self) -> Result<Value<'a>, SyntaxError> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b':') => self.byte_sequence().map(|_| Value::Other),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(b'?') => {
                self.at += 1;
                if self.eat(b'0') || self.eat(b'1') {
                    Ok(Value::Other)
                } else {
                    Err(SyntaxError::Malformed)
                }
            }
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'*') => {
                self.skip(|byte| is_tchar(byte) || matches!(byte, b':' | b'/'));
                Ok(Value::Other)
            }
            _ => Err(SyntaxError::Malformed),
        }
    }

    fn number(&mut self) -> Result<Value<'a>, SyntaxError> {
        let start = self.at;
        self.eat(b'-');
        let digits = self.digits();
        if self.eat(b'.') {
            let fraction = self.digits();
            return match (digits, fraction) {
                (1..=12, 1..=3) => Ok(Value::Other),
                _ => Err(SyntaxError::Malformed),
            };
        }
        match (digits, self.since(start).parse()) {
            (1..=15, Ok(integer)) => Ok(Value::Integer(integer)),
            _ => Err(SyntaxError::Malformed),
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_digit());
        self.at - start
    }

    fn string(&mut self) -> Result<&'a str, SyntaxError> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.bump() {
                Some(b'"') => return self.text.get(start..self.at - 1).ok_or(SyntaxError::Malformed),
                Some(b'\\') => {
                    if !matches!(self.bump(), Some(b'"' | b'\\')) {
                        return Err(SyntaxError::Malformed);
                    }
                }
                Some(b' '..=b'~') => {}
                _ => return Err(SyntaxError::Malformed),
            }
        }
    }

    fn byte_sequence(&mut self) -> Result<&'a str, SyntaxError> {
        self.expect(b':')?;
        let start = self.at;
        self.skip(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        let base64 = self.since(start);
        self.expect(b':')?;
        Ok(base64)
    }

    fn key(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        if !matches!(self.peek(), Some(b'a'..=b'z' | b'*')) {
            return Err(SyntaxError::Malformed);
        }
        self.skip(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
        Ok(self.since(start))
    }

    fn since(&self, start: usize) -> &'a str {
        // Both ends lie next to ASCII characters, so they are character boundaries.
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let matches = self.peek() == Some(byte);
        self.at += usize::from(matches);
        matches
    }

    fn expect(&mut self, byte: u8) -> Result<(), SyntaxError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(SyntaxError::Malformed)
        }
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }
}

/// Says whether a byte may be part of a header name (RFC 9110, `tchar`).
pub(super) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syntax_error(text: &str) -> SyntaxError {
        parse_signature_input(text).expect_err(text)
    }

    #[test]
    fn the_text_of_a_member_is_kept_to_the_byte() {
        let header = r#"a=( "x"  "@path" ); created=1 ,	sig1=("y";sf);keyid="k\"1";n=?0;t=to/ken"#;
        let members = parse_signature_input(header).unwrap();
        assert_eq!(members[0].text, r#"( "x"  "@path" ); created=1"#);
        assert_eq!(members[0].parameters, [("created", Value::Integer(1))]);
        assert_eq!(members[1].label, "sig1");
        assert_eq!(members[1].text, r#"("y";sf);keyid="k\"1";n=?0;t=to/ken"#);
        assert_eq!(members[1].parameters[0], ("keyid", Value::String(r#"k\"1"#)));
        assert!(members[1].components[0].has_parameters);
    }

    #[test]
    fn what_is_not_a_list_of_quoted_names_is_malformed() {
        for text in [
            "",
            "sig1",
            "sig1=",
            "sig1=x",
            "Sig1=()",
            "sig1=(",
            "sig1=(x)",
            r#"sig1=("x" "#,
            r#"sig1=("x""y")"#,
            "sig1=(),",
            "sig1=() b=()",
            "sig1=();",
            "sig1=();=1",
            "sig1=();a=",
            "sig1=();a=1.",
            "sig1=();a=-",
            "sig1=();a=1234567890123456",
            r#"sig1=();a="x\y""#,
            r#"sig1=();a="é""#,
            "sig1=();a=:x",
            "sig1=();a=?2",
            "é",
            "sig1=\u{0}",
            "sig1=()\u{0}",
        ] {
            assert_eq!(syntax_error(text), SyntaxError::Malformed, "{text}");
        }
    }

    #[test]
    fn everything_that_can_be_repeated_is_bounded() {
        let labels: Vec<String> = (0..=MAX_LABELS).map(|at| format!("s{at}=()")).collect();
        assert_eq!(syntax_error(&labels.join(", ")), SyntaxError::TooManyLabels);
        assert!(parse_signature_input(&labels[1..].join(", ")).is_ok());
        let components = "\"x\" ".repeat(MAX_COMPONENTS + 1);
        assert_eq!(
            syntax_error(&format!("sig1=({components})")),
            SyntaxError::TooManyComponents
        );
        let parameters = ";x".repeat(MAX_PARAMETERS + 1);
        assert_eq!(
            syntax_error(&format!("sig1=(){parameters}")),
            SyntaxError::TooManyParameters
        );
        assert_eq!(syntax_error("sig1=(), sig1=()"), SyntaxError::DuplicateLabel);
    }

    #[test]
    fn byte_sequences_are_split_but_not_decoded() {
        assert_eq!(
            parse_byte_sequences("a=:YQ==:, b=::"),
            Ok(vec![("a", "YQ=="), ("b", "")])
        );
        assert_eq!(
            parse_byte_sequences("a=:YQ==:, a=::"),
            Err(SyntaxError::DuplicateLabel)
        );
        for text in [
            "",
            "a",
            "a=YQ==",
            "a=:YQ==",
            "a=:Y Q:",
            "a=:YQ==:;x=1",
            "a=:YQ==:,",
        ] {
            assert_eq!(parse_byte_sequences(text), Err(SyntaxError::Malformed), "{text}");
        }
    }
}
