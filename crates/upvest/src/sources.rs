//! The addresses that Upvest calls from.
//!
//! Source: contract section 2; Upvest's documentation of webhooks lists them, and may change them.

/// Lists the addresses that Upvest publishes for its sandbox (IPv4).
pub const SANDBOX: [&str; 8] = [
    "34.90.198.99",
    "34.91.134.98",
    "34.141.35.115",
    "34.147.108.129",
    "34.159.54.216",
    "35.198.99.106",
    "35.204.209.125",
    "35.246.238.18",
];

/// Lists the addresses that Upvest publishes for its live environment (IPv4).
pub const LIVE: [&str; 8] = [
    "34.32.131.178",
    "34.89.219.22",
    "34.141.83.243",
    "34.141.214.141",
    "34.159.127.47",
    "34.159.198.202",
    "35.204.0.90",
    "35.234.163.52",
];

/// Goes through all addresses that Upvest publishes.
///
/// ```
/// assert!(upvest::sources::published().any(|address| address == "34.32.131.178"));
/// ```
pub fn published() -> impl Iterator<Item = &'static str> {
    SANDBOX.into_iter().chain(LIVE)
}
