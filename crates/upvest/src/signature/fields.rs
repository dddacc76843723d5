//! The structured fields (RFC 9651) that signatures come in: `signature-input`, `signature`, `content-digest`.
//!
//! The `sfv` crate parses them, member by member. We cut a header into its members ourselves, for two reasons: the
//! value of `@signature-params` is the member's text as it was received, to the byte, which no parsed value gives
//! back; and a member that nobody looks at, a stranger's signature, must not spoil the others.

use std::convert::Infallible;

use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItem, BareItemFromInput, Key, KeyRef, Parser};

/// Names and values in the order in which they stand, repetitions included.
pub(super) type Parameters = Vec<(Key, BareItem)>;

/// Holds one member of a dictionary header as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a> {
    pub(super) label: &'a str,
    /// Holds everything after `label=`, without the spaces around it.
    pub(super) text: &'a str,
}

/// Holds a parsed inner list, `("a" "b";c);d=1`.
#[derive(Debug, Default)]
pub(super) struct InnerList {
    pub(super) items: Vec<Item>,
    pub(super) parameters: Parameters,
}

/// Holds an item and its parameters.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) value: BareItem,
    pub(super) parameters: Parameters,
}

/// Cuts a dictionary header into the members that have a label and a value; it leaves the others out.
pub(super) fn members(header: &str) -> Vec<Member<'_>> {
    top_level(header)
        .filter_map(|text| {
            let (label, text) = text.split_once('=')?;
            is_key(label).then_some(Member { label, text })
        })
        .collect()
}

/// Cuts a header at the commas that stand in no string and in no inner list.
pub(super) fn top_level(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    header
        .split(move |character| {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = quoted,
                '"' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                ',' => return !quoted && depth == 0,
                _ => {}
            }
            false
        })
        .map(|text| text.trim_matches([' ', '\t']))
}

/// Says whether a text is a key of a dictionary.
pub(super) fn is_key(text: &str) -> bool {
    KeyRef::from_str(text).is_ok()
}

/// Parses a member's text as an inner list.
pub(super) fn parse_inner_list(text: &str) -> Option<InnerList> {
    // By visitors of our own: of parameters that repeat, the library's types keep the last and tell nobody.
    let mut lists = Parser::new(text)
        .parse_list_with_visitor(InnerLists(Vec::new()))
        .ok()?;
    let list = lists.pop()?;
    lists.is_empty().then_some(list)
}

/// Parses a member's text as a byte sequence; parameters that it may have are passed over.
pub(super) fn parse_bytes(text: &str) -> Option<Vec<u8>> {
    match Parser::new(text).parse::<sfv::Item>().ok()?.bare_item {
        BareItem::ByteSequence(bytes) => Some(bytes),
        _ => None,
    }
}

/// Parses an item with its parameters.
pub(super) fn parse_item(text: &str) -> Option<Item> {
    let mut items = Vec::new();
    Parser::new(text)
        .parse_item_with_visitor(Items(&mut items))
        .ok()?;
    items.pop()
}

struct InnerLists(Vec<InnerList>);
struct Items<'v>(&'v mut Vec<Item>);
struct ParametersOf<'v>(Option<&'v mut Parameters>);

#[derive(Debug, thiserror::Error)]
#[error("an item stands where an inner list is expected")]
pub(super) struct NoInnerListError;

impl<'de> ListVisitor<'de> for InnerLists {
    type Out = Vec<InnerList>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.0.push(InnerList::default());
        Ok(self.0.last_mut())
    }

    fn finish(self) -> Result<Vec<InnerList>, Infallible> {
        Ok(self.0)
    }
}

impl<'de> EntryVisitor<'de> for &mut InnerList {
    type Error = NoInnerListError;

    fn item(self) -> Result<impl ItemVisitor<'de>, NoInnerListError> {
        Err::<Ignored, _>(NoInnerListError)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, NoInnerListError> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for &mut InnerList {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(Items(&mut self.items))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Infallible> {
        Ok(ParametersOf(Some(&mut self.parameters)))
    }
}

impl<'de> ItemVisitor<'de> for Items<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        self.0.push(Item {
            value: value.into(),
            parameters: Parameters::new(),
        });
        Ok(ParametersOf(self.0.last_mut().map(|item| &mut item.parameters)))
    }
}

impl<'de> ParameterVisitor<'de> for ParametersOf<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Infallible> {
        if let Some(parameters) = &mut self.0 {
            parameters.push((key.to_owned(), value.into()));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_member_is_kept_to_the_byte() {
        let header = r#"a=( "x"  "@path" ); created=1 ,	sig1=("y";sf);keyid="k\"1, b=2";n=?0;t=to/ken"#;
        let members = members(header);
        assert_eq!(members[0].text, r#"( "x"  "@path" ); created=1"#);
        assert_eq!(members[1].label, "sig1");
        assert_eq!(members[1].text, r#"("y";sf);keyid="k\"1, b=2";n=?0;t=to/ken"#);
        let list = parse_inner_list(members[1].text).unwrap();
        assert_eq!(list.items[0].parameters.len(), 1);
        assert_eq!(list.parameters[0].1.as_string().unwrap().as_str(), r#"k"1, b=2"#);
    }

    #[test]
    fn what_has_no_label_and_value_is_left_out() {
        let labels = |header| {
            members(header)
                .iter()
                .map(|member| member.label)
                .collect::<Vec<_>>()
        };
        assert_eq!(labels("a, =1, Sig1=(), sig1=(), é=(), b=@1,"), ["sig1", "b"]);
        assert!(labels("").is_empty());
    }

    #[test]
    fn every_type_of_rfc_9651_may_be_a_parameter() {
        let list =
            parse_inner_list(r#"("x");a;b=1;c=1.5;d="s";e=t/o:k;f=:AA==:;g=?0;h=@1659578233;i=%"f%c3%bc""#);
        assert_eq!(list.unwrap().parameters.len(), 9);
    }

    #[test]
    fn what_is_not_one_inner_list_is_none() {
        for text in [
            "",
            "x",
            "1",
            "(",
            "(x",
            r#"("x" "#,
            r#"("x""y")"#,
            "(),",
            "() ()",
            "();",
            "();=1",
            "();a=",
            "();a=1.",
            "();a=-",
            "();a=1234567890123456",
            r#"();a="x\y""#,
            r#"();a="é""#,
            "();a=:x",
            "();a=?2",
            "();a=@1.5",
            "é",
            "\u{0}",
            "()\u{0}",
            "((\"x\"))",
            "(),()",
        ] {
            assert!(parse_inner_list(text).is_none(), "{text}");
        }
    }

    #[test]
    fn repeated_parameters_are_all_seen() {
        let list = parse_inner_list(r#"("x";a;a=2);created=1;created=2"#).unwrap();
        assert_eq!((list.items[0].parameters.len(), list.parameters.len()), (2, 2));
    }

    #[test]
    fn byte_sequences_may_have_parameters() {
        assert_eq!(parse_bytes(":YQ==:").unwrap(), b"a");
        assert_eq!(parse_bytes(":YQ:;x=1").unwrap(), b"a");
        assert_eq!(parse_bytes("::").unwrap(), b"");
        for text in [
            "",
            "YQ==",
            ":YQ==",
            ":Y Q:",
            ":YQ==:,",
            "\"YQ==\"",
            ":é:",
            ":AAA=AAAA:",
        ] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
