//! Where deliveries come from. An address proves nothing (the signature does); a list of them tells what is odd.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Says what to do about a request from an address that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcePolicy {
    /// Counts the request and takes it: Upvest's addresses change, and a refusal blocks all later deliveries.
    Flag,
    /// Answers 403, so that Upvest blocks until the address is listed.
    Reject,
}

impl FromStr for SourcePolicy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "flag" => Ok(Self::Flag),
            "reject" => Ok(Self::Reject),
            _ => Err("neither flag nor reject"),
        }
    }
}

/// Stands for the addresses that Upvest publishes, in a list of addresses.
const UPVEST: &str = "upvest";

/// Lists the addresses and networks that deliveries may come from; an empty list admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

impl FromStr for AllowList {
    type Err = ipnet::AddrParseError;

    /// Reads addresses and networks in CIDR notation, separated by commas. `upvest` stands for the addresses that Upvest publishes.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries = entries.flat_map(|entry| match entry {
            UPVEST => upvest::sources::published().collect(),
            _ => vec![entry],
        });
        let net = |entry: &str| {
            entry
                .parse::<IpAddr>()
                .map(IpNet::from)
                .or_else(|_| entry.parse())
        };
        entries.map(net).collect::<Result<_, _>>().map(Self)
    }
}

impl AllowList {
    /// Tells whether a request from this address, as the gateway saw it, is admitted.
    #[must_use]
    pub fn admits(&self, source: Option<&str>) -> bool {
        let address = source.and_then(|source| source.parse::<IpAddr>().ok());
        self.0.is_empty() || address.is_some_and(|address| self.0.iter().any(|net| net.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_admits_its_addresses_and_networks_only() {
        let list: AllowList = "34.90.198.99, 10.1.0.0/16,2001:db8::/32".parse().unwrap();
        for (source, admitted) in [
            (Some("34.90.198.99"), true),
            (Some("34.90.198.98"), false),
            (Some("10.1.255.1"), true),
            (Some("2001:db8::1"), true),
            (Some("not an address"), false),
            (None, false),
        ] {
            assert_eq!(list.admits(source), admitted, "{source:?}");
        }
    }

    #[test]
    fn a_list_may_name_upvest_for_the_addresses_that_it_publishes() {
        let list: AllowList = "upvest, 10.1.0.0/16".parse().unwrap();
        for (source, admitted) in [
            ("34.90.198.99", true),
            ("34.32.131.178", true),
            ("10.1.0.1", true),
            ("34.90.198.98", false),
        ] {
            assert_eq!(list.admits(Some(source)), admitted, "{source}");
        }
    }

    #[test]
    fn an_empty_list_admits_all_and_a_wrong_one_is_an_error() {
        assert!("".parse::<AllowList>().unwrap().admits(None));
        assert!("34.90.198".parse::<AllowList>().is_err());
        assert!("maybe".parse::<SourcePolicy>().is_err());
    }
}
