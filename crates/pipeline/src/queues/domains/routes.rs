//! Finds the queue of a domain, in the list that a function is configured with.

use std::collections::BTreeMap;
use std::str::FromStr;

use upvest::Domain;

/// Maps each domain to the URL of its queue.
///
/// ```
/// use pipeline::queues::domains::Routes;
/// use upvest::Domain;
///
/// let all = Domain::ALL.map(|domain| format!("{domain}=https://q/{domain}")).join(",");
/// assert!(all.parse::<Routes>().is_ok());
/// // Some events would have nowhere to go.
/// assert!("orders=https://q/orders".parse::<Routes>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes(BTreeMap<Domain, String>);

/// Says why a list of queues cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoutesError {
    /// An entry is not `<domain>=<queue url>`.
    #[error("{0:?} is not <domain>=<queue url>")]
    Entry(String),
    /// An entry's domain does not exist.
    #[error(transparent)]
    Domain(#[from] upvest::category::UnknownDomainError),
    /// A domain has no queue, so that its events would have nowhere to go.
    #[error("the domain {0} has no queue")]
    NoQueue(Domain),
}

impl FromStr for Routes {
    type Err = RoutesError;

    /// Reads `<domain>=<queue url>,...`, as the variable `DOMAIN_QUEUES` has it.
    fn from_str(list: &str) -> Result<Self, RoutesError> {
        let mut routes = BTreeMap::new();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (domain, url) = entry
                .split_once('=')
                .ok_or_else(|| RoutesError::Entry(entry.to_owned()))?;
            routes.insert(domain.parse()?, url.to_owned());
        }
        match Domain::ALL
            .into_iter()
            .find(|domain| !routes.contains_key(domain))
        {
            Some(domain) => Err(RoutesError::NoQueue(domain)),
            None => Ok(Self(routes)),
        }
    }
}

impl Routes {
    /// Finds the queue for a domain's events.
    pub(super) fn url(&self, domain: Domain) -> &str {
        self.0
            .get(&domain)
            .expect("a list without a queue for each domain is refused")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_refused_that_names_no_queue_for_a_domain_or_is_none() {
        let all = Domain::ALL.map(|domain| format!("{domain}=https://q/{domain}"));
        let routes: Routes = all.join(", ").parse().unwrap();
        assert_eq!(routes.url(Domain::Orders), "https://q/orders");
        assert_eq!(routes.url(Domain::Unrecognised), "https://q/unrecognised");
        assert_eq!(
            all[1..].join(",").parse::<Routes>(),
            Err(RoutesError::NoQueue(Domain::ALL[0]))
        );
        assert_eq!(
            "orders".parse::<Routes>(),
            Err(RoutesError::Entry("orders".to_owned()))
        );
        assert!(matches!(
            "order=https://q".parse::<Routes>(),
            Err(RoutesError::Domain(_))
        ));
    }
}
