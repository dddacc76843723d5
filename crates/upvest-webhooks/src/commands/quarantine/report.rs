//! What the commands of `quarantine` tell.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pipeline::stores::archive::{ArchivedDelivery, Quarantined};
use serde::Serialize;
use uuid::Uuid;

use super::judge::Outlook;
use super::reverify::{Became, Judged};
use super::shown::Shown;
use crate::output::{self, Report};
use crate::times::age_at;
use operator::quarantine::discard::Discarded;

/// The result of any of the commands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum QuarantineReport {
    List {
        at: Timestamp,
        quarantine: Vec<Listed>,
        /// Whether there are more than were to be listed.
        more: bool,
    },
    Shown(Box<Shown>),
    Reverified(ReverifyReport),
    Discarded(Discarded),
}

/// Something in quarantine.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    delivery_id: Uuid,
    reason: String,
    received_at: Timestamp,
    source_address: Option<String>,
    key_id: Option<String>,
    /// The places of the events in the batch; all where there are none.
    events: Vec<usize>,
    /// The size of the body.
    bytes: usize,
}

/// What was verified again, or would be.
#[derive(Debug, Serialize)]
pub(crate) struct ReverifyReport {
    at: Timestamp,
    dry_run: bool,
    /// The operation in the audit table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Uuid>,
    deliveries: Vec<Reverified>,
    /// Deliveries that were named and are neither in quarantine nor verified.
    pub(crate) missing: Vec<Uuid>,
    /// Whether there are more than were to be verified.
    more: bool,
    /// What ended it early.
    pub(crate) failure: Option<String>,
    /// That the operator said no.
    pub(crate) declined: bool,
}

/// Something in quarantine, and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct Reverified {
    delivery_id: Uuid,
    reason: String,
    received_at: Timestamp,
    #[serde(flatten)]
    outlook: Outlook,
    became: Option<Became>,
}

impl Report for QuarantineReport {
    fn text(&self) -> String {
        match self {
            Self::List { quarantine, .. } if quarantine.is_empty() => "nothing in quarantine".to_owned(),
            Self::List { at, quarantine, more } => list(*at, quarantine, *more),
            Self::Shown(shown) => shown.text(),
            Self::Reverified(report) => report.text(),
            Self::Discarded(report) => report.text(),
        }
    }

    fn succeeded(&self) -> bool {
        match self {
            Self::List { .. } | Self::Shown(_) => true,
            Self::Reverified(report) => report.succeeded(),
            Self::Discarded(report) => report.succeeded(),
        }
    }
}

impl Listed {
    /// As it is listed.
    pub(crate) fn of(quarantined: &Quarantined, delivery: &ArchivedDelivery) -> Self {
        Self {
            delivery_id: quarantined.delivery_id(),
            reason: quarantined.reason().to_owned(),
            received_at: quarantined.received_at(),
            source_address: delivery.envelope.request.source_address.clone(),
            key_id: delivery.key_id.clone(),
            events: delivery.events.clone(),
            bytes: delivery.envelope.body.len(),
        }
    }
}

fn list(at: Timestamp, quarantine: &[Listed], more: bool) -> String {
    let header = [
        "delivery", "reason", "age", "received", "from", "key id", "events", "bytes",
    ];
    let mut table = output::table(header);
    for listed in quarantine {
        let events = match listed.events.as_slice() {
            [] => "all".to_owned(),
            events => events.len().to_string(),
        };
        table.add_row([
            listed.delivery_id.to_string(),
            listed.reason.clone(),
            age_at(at, listed.received_at),
            listed.received_at.to_string(),
            listed.source_address.clone().unwrap_or_default(),
            listed.key_id.clone().unwrap_or_default(),
            events,
            listed.bytes.to_string(),
        ]);
    }
    let more = if more {
        "\n\nthere is more: use --limit"
    } else {
        ""
    };
    format!("{table}{more}")
}

impl ReverifyReport {
    /// Nothing was done so far.
    pub(crate) fn new(at: Timestamp, dry_run: bool, more: bool) -> Self {
        Self {
            at,
            dry_run,
            operation: None,
            deliveries: Vec::new(),
            missing: Vec::new(),
            more,
            failure: None,
            declined: false,
        }
    }

    /// Takes down what was judged, and what became of it.
    pub(crate) fn tell(&mut self, judged: &[Judged]) {
        let deliveries = judged.iter().map(|one| Reverified {
            delivery_id: one.quarantined.delivery_id(),
            reason: one.quarantined.reason().to_owned(),
            received_at: one.quarantined.received_at(),
            outlook: one.outlook.clone(),
            became: one.became,
        });
        self.deliveries = deliveries.collect();
    }

    /// How many became what.
    pub(crate) fn counts(&self) -> BTreeMap<Became, usize> {
        let mut counts = BTreeMap::new();
        for became in self.deliveries.iter().filter_map(|delivery| delivery.became) {
            *counts.entry(became).or_default() += 1;
        }
        counts
    }

    fn succeeded(&self) -> bool {
        let is_done = |delivery: &Reverified| match delivery.became {
            Some(became) => matches!(became, Became::Verified | Became::Sent),
            None => self.dry_run,
        };
        self.failure.is_none()
            && self.missing.is_empty()
            && !self.declined
            && self.deliveries.iter().all(is_done)
    }

    fn text(&self) -> String {
        if self.declined {
            return "nothing was sent".to_owned();
        }
        let mut text = match self.deliveries.is_empty() {
            true => "nothing in quarantine to verify again\n".to_owned(),
            false => self.table(),
        };
        for id in &self.missing {
            text.push_str(&format!("\n{id}: neither in quarantine nor verified"));
        }
        if self.more {
            text.push_str("\nthere is more: run the command again, or use --limit");
        }
        for became in self.counts().into_keys() {
            text.push_str(became.hint());
        }
        if let Some(failure) = &self.failure {
            text.push_str(&format!(
                "\nended early: {failure}\n  hint: nothing is lost; run the command again"
            ));
        }
        if self.dry_run {
            text.push_str("\ndry run: nothing was sent");
        }
        text
    }

    fn table(&self) -> String {
        let mut table = output::table(["delivery", "reason", "age", "result"]);
        for delivery in &self.deliveries {
            table.add_row([
                delivery.delivery_id.to_string(),
                delivery.reason.clone(),
                age_at(self.at, delivery.received_at),
                delivery.result(),
            ]);
        }
        format!("{table}\n")
    }
}

impl Became {
    /// What to do about it.
    fn hint(self) -> &'static str {
        match self {
            Self::Verified | Self::Fails => "",
            Self::Waits => {
                "\nnot verified by the stack in time: look into `dlq list` and the log of verify-and-store; run the \
                 command again to see whether it is done (what was sent in the last hour is not sent again)"
            }
            Self::Refused => {
                "\nrefused by the stack again: it remembers a key for five minutes, and may be of an older version than \
                 this command; run the command again later"
            }
            Self::Sent => {
                "\nsent, and its entity does not show it: run the command again to see whether it does; where a newer \
                 event came before it, it never will: discard it"
            }
        }
    }
}

impl Reverified {
    fn result(&self) -> String {
        match self.became {
            Some(Became::Verified) => "verified, and out of quarantine".to_owned(),
            Some(Became::Sent) => "sent, and its entity does not show it".to_owned(),
            Some(Became::Waits) => "sent, and not verified yet".to_owned(),
            Some(Became::Refused) => "sent, and refused by the stack again".to_owned(),
            Some(Became::Fails) => self.outlook.text(),
            None => match self.outlook {
                Outlook::Verified => "verified already: would be taken out of quarantine".to_owned(),
                Outlook::Holds { sent_at: None } => "holds: would be sent".to_owned(),
                Outlook::Holds { sent_at: Some(at) } => {
                    format!("holds, and was sent at {at}: would be waited for")
                }
                Outlook::Fails { .. } => self.outlook.text(),
            },
        }
    }
}
