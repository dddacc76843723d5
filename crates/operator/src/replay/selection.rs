//! Selects the events of a replay: by id, by entity, by type, or by the time of receipt.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upvest::category;

use crate::times::to_the_second;

/// Says which events a replay is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Selects the events with these ids, which are sent in the order in which they occurred.
    Events(Vec<String>),
    /// Selects every event in the log about these entities, written `TYPE#ID`.
    Entities(Vec<String>),
    /// Selects events of the log that the filter lets pass.
    Log(Filter),
    /// Selects events received in this time that the filter lets pass.
    Received {
        /// Begins the time of receipt; what was received at this instant is meant.
        since: Timestamp,
        /// Tells until when; what was received then is not meant.
        until: Timestamp,
        /// Narrows the events received in that time by their type.
        filter: Filter,
    },
}

/// Lets events pass by their type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Lets every event pass, of whatever type.
    Any,
    /// Lets events pass whose whole type is one of these, like `ORDER.FILLED`.
    Types(Vec<String>),
    /// Selects events whose type begins with one of these categories.
    Categories(Vec<String>),
    /// Selects events of the domains of these names.
    Domains(Vec<String>),
}

impl Filter {
    /// Tells whether an event of this type passes.
    pub(crate) fn lets_pass(&self, event_type: &str) -> bool {
        let category = category::name_of(event_type);
        match self {
            Self::Any => true,
            Self::Types(types) => types.iter().any(|name| name == event_type),
            Self::Categories(categories) => categories.iter().any(|name| name == category),
            Self::Domains(domains) => {
                let domain = category::of(event_type).domain.name();
                domains.iter().any(|name| name == domain)
            }
        }
    }
}

impl fmt::Display for Selection {
    /// Writes what comes after `event` or `events`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(ids) => write!(f, "{}", ids.join(", ")),
            Self::Entities(entities) => write!(f, "of {}", entities.join(", ")),
            Self::Log(filter) => write!(f, "{filter}in the log"),
            Self::Received { since, until, filter } => {
                let (since, until) = (to_the_second(*since), to_the_second(*until));
                write!(
                    f,
                    "{filter}in the archive that was received from {since} to {until}"
                )
            }
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Types(types) => write!(f, "of type {} ", types.join(", ")),
            Self::Categories(categories) => write!(f, "of category {} ", categories.join(", ")),
            Self::Domains(domains) => write!(f, "of domain {} ", domains.join(", ")),
        }
    }
}
