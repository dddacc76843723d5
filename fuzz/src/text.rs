//! The form of inputs that have a head and a body: lines of `name: value`, an empty line, and bytes.

/// Splits an input into the lines of its head and its body. What is not UTF-8 in the head becomes U+FFFD: it is text
/// wherever it comes from.
pub(crate) fn split(data: &[u8]) -> (Vec<String>, &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    (
        String::from_utf8_lossy(head)
            .split('\n')
            .map(str::to_owned)
            .collect(),
        body,
    )
}

/// Reads a line of a head.
pub(crate) fn pair(line: &str) -> Option<(&str, &str)> {
    line.split_once(": ")
}
