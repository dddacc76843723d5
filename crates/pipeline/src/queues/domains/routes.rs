//! Which queue a domain has.

use std::collections::BTreeMap;
use std::str::FromStr;

use upvest::Domain;

/// Maps each domain to the URL of its queue. It always has the catch-all's, which takes what no other queue does.
///
/// ```
/// use pipeline::queues::domains::Routes;
///
/// assert!("orders=https://q/orders,unrecognised=https://q/rest".parse::<Routes>().is_ok());
/// // Without the catch-all some events would have nowhere to go.
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
    /// The catch-all has no queue, so that some events would have nowhere to go.
    #[error("the domain unrecognised has no queue")]
    NoCatchAll,
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
        if routes.contains_key(&Domain::Unrecognised) {
            Ok(Self(routes))
        } else {
            Err(RoutesError::NoCatchAll)
        }
    }
}

impl Routes {
    /// Finds the queue for a domain's events: the domain's own, or that of the catch-all while the domain has none.
    pub(super) fn url(&self, domain: Domain) -> &str {
        // The constructor makes sure of the catch-all's queue.
        self.0
            .get(&domain)
            .or_else(|| self.0.get(&Domain::Unrecognised))
            .map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_without_a_queue_goes_to_the_catch_all() {
        let routes: Routes = "orders=https://q/orders, unrecognised=https://q/rest"
            .parse()
            .unwrap();
        assert_eq!(routes.url(Domain::Orders), "https://q/orders");
        assert_eq!(routes.url(Domain::Fees), "https://q/rest");
        assert_eq!(
            "orders=https://q/orders".parse::<Routes>(),
            Err(RoutesError::NoCatchAll)
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
