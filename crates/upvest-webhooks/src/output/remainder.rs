//! The remainder of a list: that there is more than is shown.

/// Tells how many of `all` are not `named`; nothing where there are none.
pub(crate) fn unnamed(all: u64, named: usize) -> String {
    match all.saturating_sub(named as u64) {
        0 => String::new(),
        more => format!("and {more} more\n"),
    }
}

/// Tells how to see the rest of a list, where a limit cut it short.
pub(crate) fn rest(is_cut: bool) -> &'static str {
    match is_cut {
        true => "\n\nthere is more: use --limit",
        false => "",
    }
}
