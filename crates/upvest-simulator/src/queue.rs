//! The events of one subscription that wait for their delivery.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use upvest::time::Instant as EventTime;

const HEAD: &[u8] = br#"{"payload":["#;
const TAIL: &[u8] = b"]}";

/// Holds one event, in the words of its source.
#[derive(Debug, Clone)]
pub(crate) struct QueuedEvent {
    pub(crate) id: String,
    /// Tells when it says that it was created; `None` where it does not say.
    pub(crate) created_at: Option<EventTime>,
    pub(crate) json: Arc<str>,
}

/// Holds the body of one delivery, with the ids of its events in their order.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) event_ids: Arc<[String]>,
    pub(crate) body: Vec<u8>,
}

/// Tells when the next batch may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// The queue has nothing to deliver before another event arrives.
    Never,
    /// The next batch may be taken at that time, or when the batch is full.
    At(Instant),
    /// The next batch may be taken at once: the batch is full.
    Now,
}

/// Holds events in the order in which they were queued.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    waiting: VecDeque<(QueuedEvent, Instant)>,
    bytes: usize,
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: QueuedEvent, now: Instant) {
        self.bytes += event.json.len();
        self.waiting.push_back((event, now));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn due(&self, delay: Duration, max_package_size: usize) -> Due {
        match self.waiting.front() {
            None => Due::Never,
            Some(_) if body_size(self.bytes, self.len()) >= max_package_size => Due::Now,
            Some((_, queued_at)) => Due::At(*queued_at + delay),
        }
    }

    /// Takes as many of the oldest events as fit into a body of `max_package_size`, and at least one; in the body
    /// they are ordered by `created_at`, and as they were queued where that is the same. `None` when nothing waits.
    pub(crate) fn take_batch(&mut self, max_package_size: usize) -> Option<Batch> {
        let mut events: Vec<QueuedEvent> = Vec::new();
        let mut bytes = 0;
        while let Some((next, _)) = self.waiting.front() {
            let larger = body_size(bytes + next.json.len(), events.len() + 1);
            if !events.is_empty() && larger > max_package_size {
                break;
            }
            bytes += next.json.len();
            events.extend(self.waiting.pop_front().map(|(event, _)| event));
        }
        if events.is_empty() {
            return None;
        }
        self.bytes -= bytes;
        events.sort_by_key(|event| event.created_at);
        let texts: Vec<&str> = events.iter().map(|event| &*event.json).collect();
        Some(Batch {
            body: [HEAD, texts.join(",").as_bytes(), TAIL].concat(),
            event_ids: events.iter().map(|event| event.id.clone()).collect(),
        })
    }
}

fn body_size(event_bytes: usize, events: usize) -> usize {
    HEAD.len() + event_bytes + events.saturating_sub(1) + TAIL.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(1);

    fn event(id: &str, second: u8, size: usize) -> QueuedEvent {
        let json = format!("\"{}\"", "x".repeat(size - 2));
        QueuedEvent {
            id: id.to_owned(),
            created_at: Some(EventTime::parse(&format!("2026-01-05T08:00:{second:02}Z")).unwrap()),
            json: json.into(),
        }
    }

    fn queue(events: &[(&str, u8, usize)]) -> EventQueue {
        let mut queue = EventQueue::default();
        for (id, second, size) in events {
            queue.push(event(id, *second, *size), Instant::now());
        }
        queue
    }

    fn batches(queue: &mut EventQueue, max_package_size: usize) -> Vec<Vec<String>> {
        std::iter::from_fn(|| queue.take_batch(max_package_size))
            .map(|batch| batch.event_ids.to_vec())
            .collect()
    }

    #[test]
    fn a_body_holds_as_many_events_as_fit() {
        let events = [("a", 1, 40), ("b", 2, 40), ("c", 3, 40)];
        // Two events of 40 bytes, the comma, and the 14 bytes around them.
        assert_eq!(batches(&mut queue(&events), 95), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(batches(&mut queue(&events), 94), [["a"], ["b"], ["c"]]);
        assert_eq!(queue(&events).take_batch(95).unwrap().body.len(), 95);
    }

    #[test]
    fn a_single_event_that_is_too_large_is_sent_alone() {
        let mut queue = queue(&[("a", 1, 20), ("large", 2, 500), ("b", 3, 20)]);
        assert_eq!(batches(&mut queue, 100), [["a"], ["large"], ["b"]]);
    }

    #[test]
    fn events_of_a_body_are_ordered_by_creation() {
        let mut queue = queue(&[("late", 9, 20), ("early", 1, 20)]);
        assert_eq!(batches(&mut queue, 1000), [["early", "late"]]);
    }

    #[test]
    fn events_of_one_instant_stay_in_the_order_in_which_they_happened() {
        let mut queue = queue(&[("z", 1, 20), ("y", 1, 20), ("x", 1, 20)]);
        assert_eq!(batches(&mut queue, 1000), [["z", "y", "x"]]);
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_its_oldest_event_has_waited() {
        assert_eq!(EventQueue::default().due(DELAY, 100), Due::Never);
        let queue = queue(&[("a", 1, 40), ("b", 2, 40)]);
        let oldest = queue.waiting.front().unwrap().1;
        assert_eq!(queue.due(DELAY, 96), Due::At(oldest + DELAY));
        assert_eq!(queue.due(DELAY, 95), Due::Now);
    }
}
