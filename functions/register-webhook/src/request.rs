//! What CloudFormation asks of a custom resource.

use std::fmt;

use serde_json::Value;
use upvest_api::ResourceId;
use uuid::Uuid;

/// Stands before the request id in the physical id of a resource for which nothing was created.
const NOTHING: &str = "nothing:";
/// Stands before the request id in the physical id of a resource whose creation at Upvest has an unknown outcome.
const UNKNOWN: &str = "unknown:";

/// Describes a request of CloudFormation. It is read with leniency, because whatever it says must be answered.
pub(crate) struct Request {
    pub(crate) kind: String,
    /// Says where it is to be answered: whoever knows this URL can answer.
    pub(crate) response_url: String,
    pub(crate) stack_id: String,
    pub(crate) request_id: String,
    pub(crate) logical_resource_id: String,
    pub(crate) physical_resource_id: Option<String>,
}

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

impl Request {
    /// Reads an event; `None` for one of another kind.
    pub(crate) fn of(event: &Value) -> Option<Self> {
        let optional = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = |name: &str| optional(name).unwrap_or_default();
        Some(Self {
            kind: text("RequestType"),
            response_url: optional("ResponseURL")?,
            stack_id: text("StackId"),
            request_id: text("RequestId"),
            logical_resource_id: text("LogicalResourceId"),
            physical_resource_id: optional("PhysicalResourceId").filter(|id| !id.is_empty()),
        })
    }

    pub(crate) fn subscription(&self) -> PhysicalId {
        PhysicalId::of(self.physical_resource_id.as_deref().unwrap_or_default())
    }
}

impl PhysicalId {
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

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("kind", &self.kind)
            .field("request_id", &self.request_id)
            .field("logical_resource_id", &self.logical_resource_id)
            .field("physical_resource_id", &self.physical_resource_id)
            .finish_non_exhaustive()
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
