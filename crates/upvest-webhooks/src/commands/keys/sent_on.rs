//! Tells how many deliveries were sent on that waited for a key.

/// Tells that deliveries which waited for a key were sent on, if any were.
pub(super) fn sent_on(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "\n\n1 delivery waited in quarantine for it, and was sent on".to_owned(),
        _ => format!("\n\n{count} deliveries waited in quarantine for it, and were sent on"),
    }
}
