//! The parts of an HTTP request that a signature can cover.

use super::Headers;

/// Shows a request as it was received, or as it will be sent; borrowed, because bodies are large.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Holds the method in any case; it is upper-cased where it is signed.
    pub method: &'a str,
    /// Holds the path that the sender called, before any rewriting by a gateway.
    pub path: &'a str,
    /// Holds the raw query without its `?`; an empty one counts as absent.
    pub query: Option<&'a str>,
    /// Holds all headers that arrived, or all that will be sent but for those that signing adds.
    pub headers: &'a Headers,
    /// Holds the raw body, byte for byte.
    pub body: &'a [u8],
}
