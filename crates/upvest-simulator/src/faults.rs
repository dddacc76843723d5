//! What can be made to go wrong on purpose.
//!
//! A fault never costs an event: forged and damaged requests are made *besides* the genuine delivery, just before it,
//! and their answer does not count. So after any number of faults the receiver must hold every event exactly once.

use serde::{Deserialize, Serialize};

/// Says how probable each fault is, per delivery, from 0 (never) to 1 (always).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Gives the probability of [`Fault::Duplicated`], by delivery.
    pub duplicated: f64,
    /// Gives the probability of [`Fault::Tampered`], by delivery.
    pub tampered: f64,
    /// Gives the probability of [`Fault::Unsigned`], by delivery.
    pub unsigned: f64,
    /// Gives the probability of [`Fault::UnknownKey`], by delivery.
    pub unknown_key: f64,
    /// Gives the probability of [`Fault::Expired`], by delivery.
    pub expired: f64,
    /// Gives the probability of [`Fault::HeldBack`], by delivery.
    pub held_back: f64,
}

/// Names what was made to go wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A 200 was counted as lost, so that the whole delivery was retried.
    Duplicated,
    /// Besides the genuine delivery: one digit of the body was changed after signing.
    Tampered,
    /// Besides the genuine delivery: without its signature headers.
    Unsigned,
    /// Besides the genuine delivery: signed with a key that is never published.
    UnknownKey,
    /// Besides the genuine delivery: with a signature that expired an hour ago.
    Expired,
    /// Held back until another subscription's delivery had overtaken it, ten seconds at most.
    HeldBack,
}

/// Names the fault whose probability is not between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the probability of {name} is not between 0 and 1")]
pub struct FaultsError {
    name: &'static str,
}

/// Says what goes wrong with one delivery.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) held_back: bool,
    pub(crate) besides: Vec<Fault>,
    pub(crate) duplicated: bool,
}

impl Faults {
    pub(crate) fn validate(&self) -> Result<(), FaultsError> {
        let all = [
            ("duplicated", self.duplicated),
            ("tampered", self.tampered),
            ("unsigned", self.unsigned),
            ("unknown_key", self.unknown_key),
            ("expired", self.expired),
            ("held_back", self.held_back),
        ];
        match all
            .iter()
            .find(|(_, probability)| !(0.0..=1.0).contains(probability))
        {
            Some((name, _)) => Err(FaultsError { name }),
            None => Ok(()),
        }
    }

    /// Decides on one delivery. Always draws the same number of times, so that switching one fault on leaves what the
    /// seed decides about the others as it is.
    pub(crate) fn plan(&self, random: &mut fastrand::Rng) -> Plan {
        let mut happens = |probability: f64| random.f64() < probability;
        let held_back = happens(self.held_back);
        let besides = [
            (Fault::Tampered, self.tampered),
            (Fault::Unsigned, self.unsigned),
            (Fault::UnknownKey, self.unknown_key),
            (Fault::Expired, self.expired),
        ]
        .into_iter()
        .filter_map(|(fault, probability)| happens(probability).then_some(fault))
        .collect();
        Plan {
            held_back,
            besides,
            duplicated: happens(self.duplicated),
        }
    }
}

/// Changes one digit of a body, which leaves JSON as valid as it was.
pub(crate) fn tamper(body: &mut [u8], random: &mut fastrand::Rng) {
    let digits: Vec<usize> = (0..body.len()).filter(|at| body[*at].is_ascii_digit()).collect();
    if let Some(at) = random.choice(digits) {
        body[at] = b'0' + (body[at] - b'0' + 1) % 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_faults_always_happen_and_impossible_ones_never() {
        let mut random = fastrand::Rng::with_seed(1);
        let faults = Faults {
            tampered: 1.0,
            duplicated: 1.0,
            ..Faults::default()
        };
        for _ in 0..100 {
            let plan = faults.plan(&mut random);
            assert_eq!(plan.besides, [Fault::Tampered]);
            assert!(plan.duplicated && !plan.held_back);
            assert_eq!(Faults::default().plan(&mut random), Plan::default());
        }
    }

    #[test]
    fn a_fault_does_not_change_what_the_seed_decides_about_others() {
        let plans = |faults: Faults| -> Vec<bool> {
            let mut random = fastrand::Rng::with_seed(3);
            (0..50).map(|_| faults.plan(&mut random).duplicated).collect()
        };
        let rare = Faults {
            duplicated: 0.3,
            ..Faults::default()
        };
        assert_eq!(
            plans(rare),
            plans(Faults {
                unsigned: 0.7,
                ..rare
            })
        );
    }

    #[test]
    fn tampering_changes_one_digit() {
        let genuine = br#"{"amount":"12.30"}"#;
        let mut body = genuine.to_vec();
        tamper(&mut body, &mut fastrand::Rng::with_seed(1));
        let changed = genuine.iter().zip(&body).filter(|(left, right)| left != right);
        assert_eq!(changed.count(), 1);
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    }

    #[test]
    fn a_probability_out_of_range_is_refused_by_name() {
        let faults = Faults {
            expired: 1.5,
            ..Faults::default()
        };
        assert_eq!(
            faults.validate().unwrap_err().to_string(),
            "the probability of expired is not between 0 and 1"
        );
        let not_a_number = Faults {
            duplicated: f64::NAN,
            ..Faults::default()
        };
        assert!(not_a_number.validate().is_err());
    }
}
