//! Reads and writes the physical id of the resource, which tells what became of the subscription.

use pipeline::runtime::cloudformation::Request;
use upvest_api::ResourceId;
use uuid::Uuid;

/// Stands before the request id in the physical id of a resource for which nothing was created.
const NOTHING: &str = "nothing:";
/// Stands before the request id in the physical id of a resource whose creation at Upvest has an unknown outcome.
const UNKNOWN: &str = "unknown:";

/// Says what the physical id of the resource tells about the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PhysicalId {
    /// The subscription has this id at Upvest.
    Subscription(ResourceId),
    /// The resource never had one of its own: its creation failed before, or CloudFormation made the id up.
    Nothing,
    /// None with this URL was there, then one was created, and what came of that is not known.
    Unknown,
}

impl PhysicalId {
    /// Reads the physical id of the resource that a request is about.
    pub(crate) fn of_resource(request: &Request) -> Self {
        Self::of(request.physical_resource_id.as_deref().unwrap_or_default())
    }

    /// Reads a physical id. Upvest's ids are UUIDs; CloudFormation makes up others, for a creation that was not
    /// answered.
    fn of(text: &str) -> Self {
        if text.starts_with(UNKNOWN) {
            return Self::Unknown;
        }
        let id = text.parse().ok().filter(|_| text.parse::<Uuid>().is_ok());
        id.map_or(Self::Nothing, Self::Subscription)
    }

    /// Writes the physical id, in the answer to the request with this id.
    pub(crate) fn text(&self, request_id: &str) -> String {
        match self {
            Self::Subscription(id) => id.to_string(),
            Self::Nothing => format!("{NOTHING}{request_id}"),
            Self::Unknown => format!("{UNKNOWN}{request_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_physical_id_survives_its_text() {
        let id: ResourceId = "a8eb3540-5a84-40f9-b2bb-7f99f282fc5a".parse().unwrap();
        for physical in [
            PhysicalId::Subscription(id),
            PhysicalId::Nothing,
            PhysicalId::Unknown,
        ] {
            assert_eq!(PhysicalId::of(&physical.text("request")), physical);
        }
    }

    #[test]
    fn an_id_that_cloudformation_made_up_is_no_subscription() {
        assert_eq!(
            PhysicalId::of("stack-UpvestSubscription-1A2B3C4D5E6F"),
            PhysicalId::Nothing
        );
        assert_eq!(PhysicalId::of(""), PhysicalId::Nothing);
    }
}
