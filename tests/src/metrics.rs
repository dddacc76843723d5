//! What the functions of a test measure: a recorder of its own, where several tests run at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Holds one value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Gives the metric's name.
    pub name: String,
    /// Maps the names of its labels to their values: the dimensions beside the stack.
    pub labels: BTreeMap<String, String>,
    /// Gives what a counter was raised by, or what was measured.
    pub value: f64,
}

/// Keeps all that is measured while it is the thread's recorder: see [`metrics::set_default_local_recorder`]. Clones share
/// their list.
#[derive(Clone, Debug, Default)]
pub struct Measured(Arc<Mutex<Vec<Measurement>>>);

impl Measured {
    /// Lists all measurements so far, in their order.
    pub fn all(&self) -> Vec<Measurement> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lists the values of a metric under these labels, and whatever others.
    pub fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let all = self.all().into_iter().filter(|one| one.name == name);
        let matching = all.filter(|one| {
            let has = |(label, value): &(&str, &str)| one.labels.get(*label).is_some_and(|own| own == value);
            labels.iter().all(has)
        });
        matching.map(|one| one.value).collect()
    }

    fn metric(&self, key: &Key) -> Arc<Metric> {
        let labels = key.labels();
        let labels = labels.map(|label| (label.key().to_owned(), label.value().to_owned()));
        Arc::new(Metric {
            name: key.name().to_owned(),
            labels: labels.collect(),
            measured: self.clone(),
        })
    }
}

struct Metric {
    name: String,
    labels: BTreeMap<String, String>,
    measured: Measured,
}

impl Metric {
    fn note(&self, value: f64) {
        let mut list = self.measured.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(Measurement {
            name: self.name.clone(),
            labels: self.labels.clone(),
            value,
        });
    }
}

impl CounterFn for Metric {
    fn increment(&self, value: u64) {
        self.note(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
    }

    fn absolute(&self, value: u64) {
        self.increment(value);
    }
}

impl HistogramFn for Metric {
    fn record(&self, value: f64) {
        self.note(value);
    }
}

impl Recorder for Measured {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.metric(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!(
            "{} is a gauge, which would be published at every flush for good",
            key.name()
        )
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.metric(key))
    }
}
