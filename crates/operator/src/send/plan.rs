//! Plans the deliveries of a run: how many, of which payloads, and in which order.

/// Says how many deliveries are made of the payloads, and in which order.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Says how many different deliveries to make; `None` makes each payload one.
    pub deliveries: Option<usize>,
    /// Says how many of a hundred deliveries are made twice.
    pub duplicates_percent: f64,
    /// Says whether to mix all deliveries, repetitions included.
    pub shuffle: bool,
}

/// Plans one delivery. Two slots are equal when one is a duplicate of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Refers to the payload by its place in the list of payloads, from 0.
    pub payload: usize,
    /// Numbers the delivery; a repetition has the number of the delivery that it repeats.
    pub serial: usize,
}

/// Plans deliveries of so many payloads, which are used again and again if there are fewer of them.
#[must_use]
pub fn plan(payloads: usize, order: Order, random: &mut fastrand::Rng) -> Vec<Slot> {
    if payloads == 0 {
        return Vec::new();
    }
    let mut slots = Vec::new();
    for serial in 0..order.deliveries.unwrap_or(payloads) {
        let slot = Slot {
            payload: serial % payloads,
            serial,
        };
        slots.push(slot);
        if random.f64() * 100.0 < order.duplicates_percent {
            slots.push(slot);
        }
    }
    if order.shuffle {
        random.shuffle(&mut slots);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Order = Order {
        deliveries: None,
        duplicates_percent: 0.0,
        shuffle: false,
    };

    fn planned(payloads: usize, order: Order) -> Vec<(usize, usize)> {
        let slots = plan(payloads, order, &mut fastrand::Rng::with_seed(1));
        slots
            .into_iter()
            .map(|slot| (slot.payload, slot.serial))
            .collect()
    }

    #[test]
    fn each_payload_is_one_delivery_unless_more_are_asked_for() {
        assert_eq!(planned(2, ONCE), [(0, 0), (1, 1)]);
        let more = Order {
            deliveries: Some(5),
            ..ONCE
        };
        assert_eq!(planned(2, more), [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]);
        assert!(planned(0, more).is_empty());
    }

    #[test]
    fn a_share_of_the_deliveries_is_made_twice() {
        let all = Order {
            duplicates_percent: 100.0,
            ..ONCE
        };
        assert_eq!(planned(2, all), [(0, 0), (0, 0), (1, 1), (1, 1)]);
        let some = Order {
            deliveries: Some(10_000),
            duplicates_percent: 5.0,
            ..ONCE
        };
        assert!((400..600).contains(&(planned(3, some).len() - 10_000)));
    }

    #[test]
    fn shuffling_keeps_every_delivery() {
        let shuffled = Order {
            deliveries: Some(100),
            shuffle: true,
            ..ONCE
        };
        let mut slots = planned(100, shuffled);
        assert_ne!(slots, planned(100, ONCE));
        slots.sort_unstable();
        assert_eq!(slots, planned(100, ONCE));
    }
}
