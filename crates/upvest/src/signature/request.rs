//! The parts of an HTTP request that a signature can cover.

use super::Headers;

/// A request as it was received, or as it will be sent; borrowed, because bodies are large.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method; upper-cased where it is signed.
    pub method: &'a str,
    /// The path the sender called, before any rewriting by a gateway.
    pub path: &'a str,
    /// The raw query without its `?`; empty counts as absent.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a Headers,
    /// The raw body, byte for byte.
    pub body: &'a [u8],
}
