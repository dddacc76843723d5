//! The addresses that Upvest publishes: where its deliveries come from.
//!
//! They are those of its documentation of webhooks ("IP addresses"). It may change them, so that an address proves nothing
//! and its absence here is no proof either: signatures decide.

use std::net::Ipv4Addr;

const fn address(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// Lists the addresses of the live environment.
pub const LIVE: [Ipv4Addr; 8] = [
    address(34, 32, 131, 178),
    address(34, 89, 219, 22),
    address(34, 141, 83, 243),
    address(34, 141, 214, 141),
    address(34, 159, 127, 47),
    address(34, 159, 198, 202),
    address(35, 204, 0, 90),
    address(35, 234, 163, 52),
];

/// Lists the addresses of the sandbox.
pub const SANDBOX: [Ipv4Addr; 8] = [
    address(34, 90, 198, 99),
    address(34, 91, 134, 98),
    address(34, 141, 35, 115),
    address(34, 147, 108, 129),
    address(34, 159, 54, 216),
    address(35, 198, 99, 106),
    address(35, 204, 209, 125),
    address(35, 246, 238, 18),
];

/// Goes through all addresses that Upvest publishes, of either environment.
pub fn published() -> impl Iterator<Item = Ipv4Addr> {
    SANDBOX.into_iter().chain(LIVE)
}
