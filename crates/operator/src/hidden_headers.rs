//! Headers with credentials, which nobody needs to see.

use pipeline::envelope::Request;

/// Lists headers that a signature may cover and that may hold credentials.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];
const HIDDEN: &str = "(not shown)";

/// Hides the values of headers with credentials in a signature base.
pub(crate) fn hide_in_base(base: &str) -> String {
    let lines = base.lines().map(|line| match line.split_once(": ") {
        // The base of one dialect has names in quotes, that of the other one has not.
        Some((name, _)) if CREDENTIALS.contains(&name.trim_matches('"')) => format!("{name}: {HIDDEN}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Hides the values of headers with credentials in a request.
#[must_use]
pub fn hide_in_request(mut request: Request) -> Request {
    for name in CREDENTIALS {
        if request.headers.combined(name).is_some() {
            request.headers.set(name, HIDDEN);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_base_is_shown_without_credentials() {
        let base =
            "@method: POST\nauthorization: Bearer s3cret\n\"cookie\": s3cret\n@signature-params: (...)";
        let shown = hide_in_base(base);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.contains("authorization: (not shown)\n\"cookie\": (not shown)"),
            "{shown}"
        );
        assert!(shown.starts_with("@method: POST\n"), "{shown}");
    }
}
