//! X-Ray's trace, carried over the queues: what a message leads to belongs to the same trace as what sent it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

use crate::runtime::config::environment;

/// Says where Lambda's runtime keeps the trace header of the invocation.
const VARIABLE: &str = "_X_AMZN_TRACE_ID";

/// Maps the system attributes of a message, of which SQS knows one: the trace header.
type SystemAttributes = HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>;

/// Tells the trace header of whatever runs at the moment.
#[derive(Clone)]
pub struct TraceHeader(Arc<dyn Fn() -> Option<String> + Send + Sync>);

impl TraceHeader {
    /// Follows the trace of the invocation that runs in this process.
    #[must_use]
    pub fn of_invocation() -> Self {
        Self::from_fn(|| environment(VARIABLE))
    }

    /// Follows the trace whose header `header` tells.
    #[must_use]
    pub fn from_fn(header: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(header))
    }

    /// Makes what a message carries on: nothing, unless the trace is recorded.
    pub(crate) fn attributes(&self) -> Option<SystemAttributes> {
        let header = sampled(&(self.0)()?)?;
        let value = MessageSystemAttributeValue::builder().data_type("String");
        let value = value.string_value(header).build().ok()?;
        Some([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)].into())
    }
}

impl fmt::Debug for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceHeader")
    }
}

/// Writes the header of a trace that is recorded anew from its parts. SQS refuses a message whose header is not
/// well-formed, and a trace is not worth a delivery.
fn sampled(header: &str) -> Option<String> {
    let part = |name: &str| {
        let mut parts = header.split(';').filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let is_hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (root, parent) = (part("Root")?, part("Parent")?);
    let (time, id) = root.strip_prefix("1-")?.split_once('-')?;
    // A trace that is not sampled leaves no record, so that there is nothing to continue.
    let usable = part("Sampled") == Some("1") && is_hex(time, 8) && is_hex(id, 24) && is_hex(parent, 16);
    usable.then(|| format!("Root={root};Parent={parent};Sampled=1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recorded_trace_is_carried_and_only_its_documented_parts() {
        let traced = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(
            sampled(&format!("{traced};Lineage=1:a:0")).as_deref(),
            Some(traced)
        );
        for other in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Root=1-5759e988-x;Parent=53995c3f42cd8ad8;Sampled=1",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        ] {
            assert_eq!(sampled(other), None, "{other}");
        }
    }
}
