//! Decides which AWS call is struck by which fault: as a test scripted it, or by chance.

use std::sync::Arc;

use crate::record::Service;
use crate::rng::Rng;

/// Names a fault that strikes one AWS call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The service answers that it is asked too often; nothing happened.
    Throttle,
    /// The service refuses the caller, as when somebody took a permission away; nothing happened.
    Deny,
    /// The connection breaks before the service saw the request.
    FailBeforeEffect,
    /// The request takes effect, then the connection breaks.
    LoseReply,
    /// The invocation is killed before the service saw the request.
    CrashBeforeEffect,
    /// The request takes effect, then the invocation is killed.
    CrashAfterEffect,
    /// Some members of a batch fail; it strikes batch operations only.
    Partial,
    /// The answer is of a moment ago: a `Query` on an index lacks its last item, and the counts of a queue are 0. It strikes
    /// these alone.
    Stale,
}

/// Says how often faults strike, each in cases per 1000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// Sets how often [`Fault::Throttle`] strikes, per call.
    pub throttle: u32,
    /// Sets how often [`Fault::FailBeforeEffect`] strikes, per call.
    pub fail_before_effect: u32,
    /// Sets how often [`Fault::LoseReply`] strikes, per call.
    pub lose_reply: u32,
    /// Sets how often [`Fault::CrashBeforeEffect`] strikes, per call.
    pub crash_before_effect: u32,
    /// Sets how often [`Fault::CrashAfterEffect`] strikes, per call.
    pub crash_after_effect: u32,
    /// Sets how often [`Fault::Partial`] strikes, per call of a batch operation.
    pub partial: u32,
    /// Sets how often an invocation is killed at one of its awaits, whatever it waits for; per invocation.
    pub death: u32,
    /// Sets how often a throttle or broken connection lasts long enough to outlive the SDK's retries; per fault of
    /// these kinds.
    pub outage: u32,
    /// Sets how often a message of a standard queue stays visible while it is handed out, so that another receiver gets it
    /// too; per message received.
    pub duplicate_delivery: u32,
    /// Sets how often a standard queue hands out its messages in random order; per receive.
    pub reorder: u32,
}

impl FaultRates {
    /// Returns rates of every kind of fault, each often enough to meet the others within a run of some dozen deliveries.
    pub fn stormy() -> Self {
        Self {
            throttle: 30,
            fail_before_effect: 20,
            lose_reply: 30,
            crash_before_effect: 15,
            crash_after_effect: 15,
            partial: 100,
            death: 50,
            outage: 300,
            duplicate_delivery: 50,
            reorder: 500,
        }
    }
}

/// Selects the call that a scripted fault strikes: the first that matches, or the one after some that match.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    operation: Option<(Service, String)>,
    resource: Option<String>,
    invocation: Option<String>,
    carried: Option<String>,
    skip: u32,
}

impl CallFilter {
    /// Selects any call of any invocation.
    pub fn any() -> Self {
        Self::default()
    }

    /// Selects the calls of one operation, such as `PutItem`.
    pub fn operation(service: Service, operation: impl Into<String>) -> Self {
        Self {
            operation: Some((service, operation.into())),
            ..Self::default()
        }
    }

    /// Selects only calls on this table, queue, bucket or event bus.
    pub fn on(self, resource: impl Into<String>) -> Self {
        Self {
            resource: Some(resource.into()),
            ..self
        }
    }

    /// Selects only calls made by invocations of this name.
    pub fn by(self, invocation: impl Into<String>) -> Self {
        Self {
            invocation: Some(invocation.into()),
            ..self
        }
    }

    /// Selects only calls whose request carries this text, such as the id of an event.
    pub fn carrying(self, text: impl Into<String>) -> Self {
        Self {
            carried: Some(text.into()),
            ..self
        }
    }

    /// Lets `count` matching calls pass first.
    pub fn after(self, count: u32) -> Self {
        Self { skip: count, ..self }
    }

    fn matches(&self, call: &Target<'_>) -> bool {
        let Self {
            operation,
            resource,
            invocation,
            carried,
            ..
        } = self;
        let carries = |text: &String| {
            // An empty text would be a window of no bytes, which panics.
            let mut windows = call.body.windows(text.len().max(1));
            windows.any(|window| window == text.as_bytes())
        };
        operation
            .as_ref()
            .is_none_or(|(service, name)| *service == call.service && name == call.operation)
            && resource.as_ref().is_none_or(|wanted| wanted == call.resource)
            && invocation
                .as_ref()
                .is_none_or(|wanted| **wanted == **call.invocation)
            && carried.as_ref().is_none_or(carries)
    }
}

/// Describes the call that a fault may strike.
pub(crate) struct Target<'a> {
    pub(crate) invocation: &'a Arc<str>,
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) body: &'a [u8],
}

impl Target<'_> {
    fn is_batch(&self) -> bool {
        matches!(
            self.operation,
            "SendMessageBatch"
                | "DeleteMessageBatch"
                | "ChangeMessageVisibilityBatch"
                | "BatchGetItem"
                | "BatchWriteItem"
                | "BatchExecuteStatement"
                | "PutEvents"
        )
    }
}

/// Decides which call is struck: by an outage first, then by script, then by chance.
#[derive(Debug)]
pub(crate) struct FaultPlan {
    pub(crate) rates: FaultRates,
    outages: Vec<Outage>,
    script: Vec<(CallFilter, Fault)>,
    rng: Rng,
}

/// Strikes every call that its filter selects, until it ends.
#[derive(Debug)]
struct Outage {
    filter: CallFilter,
    fault: Fault,
    ends_ms: u64,
}

impl FaultPlan {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            rates: FaultRates::default(),
            outages: Vec::new(),
            script: Vec::new(),
            rng,
        }
    }

    pub(crate) fn begin_outage(&mut self, filter: CallFilter, fault: Fault, ends_ms: u64) {
        self.outages.push(Outage {
            filter,
            fault,
            ends_ms,
        });
    }

    /// Draws at which of its awaits an invocation is killed, counted from its first; mostly at none.
    pub(crate) fn draw_death(&mut self) -> Option<u32> {
        let dies = self.rng.chance(self.rates.death);
        // Early and late ones alike: invocations are of very different lengths.
        dies.then(|| {
            let at_most = 2 << self.rng.below(9);
            self.rng.below(at_most) as u32
        })
    }

    pub(crate) fn inject(&mut self, filter: CallFilter, fault: Fault) {
        self.script.push((filter, fault));
    }

    pub(crate) fn heal(&mut self) {
        self.rates = FaultRates::default();
        self.outages.clear();
        self.script.clear();
    }

    pub(crate) fn decide(&mut self, call: &Target<'_>, now_ms: u64) -> Option<Fault> {
        self.outages.retain(|outage| outage.ends_ms > now_ms);
        let mut outages = self.outages.iter();
        if let Some(outage) = outages.find(|outage| outage.filter.matches(call)) {
            return Some(outage.fault);
        }
        let scripted = self.scripted(call);
        scripted
            .or_else(|| self.drawn(call))
            .filter(|&fault| fault != Fault::Partial || call.is_batch())
    }

    fn scripted(&mut self, call: &Target<'_>) -> Option<Fault> {
        let mut struck = None;
        for (at, (filter, _)) in self.script.iter_mut().enumerate() {
            if !filter.matches(call) {
                continue;
            }
            // Also after one was found that strikes: each filter counts every call that it selects.
            match filter.skip.checked_sub(1) {
                Some(left) => filter.skip = left,
                None if struck.is_none() => struck = Some(at),
                None => {}
            }
        }
        struck.map(|at| self.script.remove(at).1)
    }

    fn drawn(&mut self, call: &Target<'_>) -> Option<Fault> {
        let fault = self.draw()?;
        let lasts = matches!(
            fault,
            Fault::Throttle | Fault::FailBeforeEffect | Fault::LoseReply
        );
        if lasts && self.rng.chance(self.rates.outage) {
            let same = CallFilter::operation(call.service, call.operation)
                .on(call.resource)
                .by(&**call.invocation);
            // Twice more: the SDK makes three attempts, and all of them are to fail.
            self.script.extend([(same.clone(), fault), (same, fault)]);
        }
        Some(fault)
    }

    fn draw(&mut self) -> Option<Fault> {
        let rates = self.rates;
        let mut lot = self.rng.below(1000) as u32;
        let shares = [
            (rates.throttle, Fault::Throttle),
            (rates.fail_before_effect, Fault::FailBeforeEffect),
            (rates.lose_reply, Fault::LoseReply),
            (rates.crash_before_effect, Fault::CrashBeforeEffect),
            (rates.crash_after_effect, Fault::CrashAfterEffect),
            (rates.partial, Fault::Partial),
        ];
        for (share, fault) in shares {
            if lot < share {
                return Some(fault);
            }
            lot -= share;
        }
        None
    }
}
