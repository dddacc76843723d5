//! The header `signature-input`, as Upvest's examples write it: one label, quoted names, no escapes.

/// Holds what a signature covers and says about itself.
pub(super) struct Input<'h> {
    pub(super) label: &'h str,
    /// Holds the text after the label, which is signed as it stands.
    pub(super) text: &'h str,
    pub(super) components: Vec<&'h str>,
    pub(super) parameters: Vec<(&'h str, &'h str)>,
}

/// Reads a header of the form `label=("a" "b");name=value;name="value"`; `None` for any other.
pub(super) fn parse_input(header: &str) -> Option<Input<'_>> {
    let (label, text) = header.split_once('=')?;
    let (list, mut rest) = text.strip_prefix('(')?.split_once(')')?;
    let unquoted = |item: &'_ str| -> Option<(usize, usize)> {
        let name = item.strip_prefix('"')?.strip_suffix('"')?;
        (!name.is_empty() && !name.contains('"')).then_some((1, item.len() - 1))
    };
    let components = list
        .split(' ')
        .map(|item| unquoted(item).map(|(from, to)| &item[from..to]));
    let components: Option<Vec<&str>> = components.collect();
    let mut parameters = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix(';')?.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        parameters.push((name, value));
        rest = after;
    }
    Some(Input {
        label,
        text,
        components: components?,
        parameters,
    })
}
