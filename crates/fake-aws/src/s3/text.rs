//! How S3 requests write their bodies and keys, and replies their XML.

/// Writes a text as XML has it.
pub(crate) fn escaped(text: &str) -> String {
    // The ampersand first: those of the other escapes would be escaped again.
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Undoes the percent encoding that the SDK gives keys in a path.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escape
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|_| *first == b'%')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Undoes the `aws-chunked` framing that the SDK puts around bodies with a trailing checksum.
pub(super) fn unchunked(mut framed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(end) = framed.windows(2).position(|pair| pair == b"\r\n") {
        let header = String::from_utf8_lossy(&framed[..end]);
        let size = header
            .split(';')
            .next()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let start = end + 2;
        match size
            .filter(|size| *size > 0)
            .and_then(|size| framed.get(start..start + size))
        {
            Some(chunk) => {
                bytes.extend_from_slice(chunk);
                framed = framed.get(start + chunk.len() + 2..).unwrap_or_default();
            }
            None => break,
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{decoded, unchunked};

    #[test]
    fn chunks_are_joined_and_the_trailer_is_dropped() {
        let framed = b"3\r\nabc\r\n2;chunk-signature=x\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(unchunked(framed), b"abcde");
    }

    #[test]
    fn percent_escapes_are_decoded() {
        assert_eq!(decoded("a%2Fb%C3%A4%"), "a/bä%");
    }
}
