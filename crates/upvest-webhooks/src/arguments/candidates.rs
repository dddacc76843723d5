//! What shells complete values by: the lists that this program knows, and the operator's own contexts.
//!
//! All of it is there without a request, so that a shell gets its answer at once, also without credentials. What cannot be read
//! offers nothing: whatever is printed would stand in the operator's line.

use clap_complete::{ArgValueCandidates, CompletionCandidate};
use operator::{Queue, audit, names};
use pipeline::runtime::config::{Lookup, environment};
use upvest::Domain;

use crate::contexts::{Context, Contexts};

fn of<N: Into<std::ffi::OsString>>(names: impl IntoIterator<Item = N>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Offers event types, and the categories that they begin with.
pub(crate) fn event_types() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let categories = names::categories().map(str::to_owned);
        of(categories.chain(names::event_types()))
    })
}

/// Offers the categories of events that this version knows, like `ORDER`.
pub(crate) fn categories() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(names::categories()))
}

/// Offers the domains, like `orders`, each of which has a processor.
pub(crate) fn domains() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(Domain::ALL.map(Domain::name)))
}

/// Offers the queues that a stack may have: those of deliveries, of requests for keys, and of each domain.
pub(crate) fn queues() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(Queue::all().map(Queue::as_str)))
}

/// Offers the reasons for which something is in quarantine.
pub(crate) fn quarantine_reasons() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(names::quarantine_reasons()))
}

/// Offers the commands that leave a record in the audit table.
pub(crate) fn recorded_commands() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(audit::COMMANDS))
}

/// Offers the names of the contexts in the operator's own file; none where it cannot be read.
pub(crate) fn contexts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(own_contexts().map(|(name, _)| name)))
}

/// Offers the stacks that the operator's contexts name.
pub(crate) fn stacks() -> ArgValueCandidates {
    ArgValueCandidates::new(|| of(own_contexts().filter_map(|(_, context)| context.stack)))
}

fn own_contexts() -> impl Iterator<Item = (String, Context)> {
    let contexts = Contexts::read(&Lookup::new(&environment)).map(|read| read.contexts);
    contexts.unwrap_or_default().into_iter()
}
