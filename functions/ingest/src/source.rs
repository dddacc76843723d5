//! Where deliveries come from. An address proves nothing (the signature does); a list of them tells what is odd.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use upvest::addresses::{LIVE, SANDBOX};

/// Lists the addresses and networks that deliveries may come from; an empty list admits all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<IpNet>);

impl FromStr for AllowList {
    type Err = ipnet::AddrParseError;

    /// Reads addresses, networks in CIDR notation and the names of Upvest's published addresses, separated by commas.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let nets: Result<Vec<_>, _> = entries.map(nets).collect();
        nets.map(|nets| Self(nets.concat()))
    }
}

/// Reads an entry: `upvest` is what Upvest publishes, of its live environment and its sandbox.
fn nets(entry: &str) -> Result<Vec<IpNet>, ipnet::AddrParseError> {
    let published = match entry {
        "upvest" => [LIVE, SANDBOX].concat(),
        "upvest-live" => LIVE.to_vec(),
        "upvest-sandbox" => SANDBOX.to_vec(),
        _ => {
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            return address.or_else(|_| entry.parse()).map(|net| vec![net]);
        }
    };
    Ok(published
        .into_iter()
        .map(|address| IpAddr::from(address).into())
        .collect())
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
    fn upvest_names_what_upvest_publishes_beside_other_entries() {
        let admits = |list: &str, source| list.parse::<AllowList>().unwrap().admits(Some(source));
        let (live, sandbox, other) = ("34.32.131.178", "34.90.198.99", "192.0.2.1");
        for (list, admitted) in [
            ("upvest", [true, true, false]),
            ("upvest-live", [true, false, false]),
            ("upvest-sandbox,192.0.2.0/24", [false, true, true]),
        ] {
            assert_eq!(
                [live, sandbox, other].map(|source| admits(list, source)),
                admitted,
                "{list}"
            );
        }
        assert!(
            "Upvest".parse::<AllowList>().is_err(),
            "a name that is not there admits nobody by accident"
        );
    }

    #[test]
    fn an_empty_list_admits_all_and_a_wrong_one_is_an_error() {
        assert!("".parse::<AllowList>().unwrap().admits(None));
        assert!("34.90.198".parse::<AllowList>().is_err());
    }
}
