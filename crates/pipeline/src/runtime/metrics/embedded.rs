//! CloudWatch's embedded metric format: what an invocation measured, in one document where that is possible.
//!
//! A document is a line of the log, and has the level and the time of one: Lambda must not take it for another.
//!
//! Metrics of other dimensions share the document, as directives of it. Two values of one dimension (two domains, say) need
//! two documents.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use serde_json::{Map, Value, json};

use super::{AWS_REQUESTS, NAMESPACE, unit};
use crate::runtime::log;

/// Bounds the values of one metric in a document (CloudWatch's specification of the format).
const VALUES: usize = 100;

/// Collects what is measured until it is written. Clones share what they collect.
#[derive(Debug, Clone)]
pub struct Collector {
    stack: Arc<str>,
    /// Lists the metrics that are written; `None` where all are.
    only: Option<&'static [&'static str]>,
    series: Arc<Mutex<BTreeMap<Key, Arc<Series>>>>,
}

/// Holds what was measured under one name with one set of labels since it was written last.
#[derive(Debug, Default)]
struct Series {
    count: AtomicU64,
    values: Mutex<Vec<f64>>,
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.count.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.count.fetch_max(value, Ordering::Relaxed);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.push(value);
    }
}

impl Series {
    /// Takes what was measured, as the parts that documents hold; none where nothing was.
    fn take(&self) -> Vec<Value> {
        let count = self.count.swap(0, Ordering::Relaxed);
        let values = std::mem::take(&mut *self.values.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_value: BTreeMap<u64, u64> = BTreeMap::new();
        for value in values {
            *by_value.entry(rounded(value)).or_default() += 1;
        }
        let by_value: Vec<_> = by_value.into_iter().collect();
        let count = (count > 0).then(|| json!(count));
        count
            .into_iter()
            .chain(by_value.chunks(VALUES).map(distribution))
            .collect()
    }
}

impl Collector {
    /// Collects under the name of a stack, which is a dimension of every metric.
    #[must_use]
    pub fn new(stack: &str) -> Self {
        Self {
            stack: stack.into(),
            only: None,
            series: Arc::default(),
        }
    }

    /// Writes the metrics of these names alone, and forgets the others.
    #[must_use]
    pub fn only(self, names: &'static [&'static str]) -> Self {
        Self {
            only: Some(names),
            ..self
        }
    }

    /// Writes what was measured since the last time, at `now`.
    ///
    /// # Errors
    ///
    /// What the writer says; what it did not take is lost.
    pub fn flush(&self, now: Timestamp, mut output: impl Write) -> std::io::Result<()> {
        // Taken out of the lock first: a write may take its time.
        let series: Vec<_> = {
            let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
            let measured = series.iter();
            measured
                .map(|(key, series)| (key.clone(), series.clone()))
                .collect()
        };
        let (requests, metrics): (Vec<_>, Vec<_>) =
            series.iter().partition(|(key, _)| key.name() == AWS_REQUESTS);
        let mut documents: Vec<Document<'_>> = Vec::new();
        for (key, series) in metrics {
            let values = series.take();
            if self.only.is_some_and(|names| !names.contains(&key.name())) {
                continue;
            }
            for value in values {
                Document::for_metric(&mut documents, key).add(key, value);
            }
        }
        if let Some(first) = documents.first_mut() {
            first.requests = requests
                .iter()
                .map(|(_, series)| series.count.swap(0, Ordering::Relaxed))
                .sum();
        }
        for document in documents {
            serde_json::to_writer(&mut output, &document.finish(&self.stack, now))?;
            output.write_all(b"\n")?;
        }
        Ok(())
    }

    fn series(&self, key: &Key) -> Arc<Series> {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        match series.get(key) {
            Some(known) => known.clone(),
            None => series.entry(key.clone()).or_default().clone(),
        }
    }
}

impl Recorder for Collector {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

/// Holds the metrics of a document, whose dimensions have one value each.
#[derive(Debug, Default)]
struct Document<'k> {
    dimensions: BTreeMap<&'k str, &'k str>,
    /// Lists the metrics under each set of dimensions.
    directives: BTreeMap<Vec<&'k str>, Vec<Value>>,
    values: Map<String, Value>,
    /// Counts requests to AWS: a member of the document and no metric, because AWS itself measures each table, queue and
    /// bucket.
    requests: u64,
}

impl<'k> Document<'k> {
    /// Finds the first document that a metric fits into, or begins one.
    fn for_metric<'d>(documents: &'d mut Vec<Self>, key: &'k Key) -> &'d mut Self {
        let fits = documents.iter().position(|document| document.takes(key));
        let place = fits.unwrap_or_else(|| {
            documents.push(Self::default());
            documents.len() - 1
        });
        &mut documents[place]
    }

    fn takes(&self, key: &Key) -> bool {
        let agrees = |label: &metrics::Label| {
            let known = self.dimensions.get(label.key());
            known.is_none_or(|value| *value == label.value())
        };
        !self.values.contains_key(key.name()) && key.labels().all(agrees)
    }

    fn add(&mut self, key: &'k Key, value: Value) {
        let labels = key.labels().map(|label| (label.key(), label.value()));
        self.dimensions.extend(labels);
        let names = key.labels().map(metrics::Label::key).collect();
        let metric = match unit(key.name()) {
            None => json!({ "Name": key.name() }),
            Some(unit) => json!({ "Name": key.name(), "Unit": unit }),
        };
        self.directives.entry(names).or_default().push(metric);
        self.values.insert(key.name().to_owned(), value);
    }

    fn finish(self, stack: &str, now: Timestamp) -> Value {
        let directive = |(names, metrics): (Vec<&str>, Vec<Value>)| {
            let dimensions: Vec<&str> = std::iter::once("Stack").chain(names).collect();
            json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics })
        };
        let directives: Vec<Value> = self.directives.into_iter().map(directive).collect();
        let mut document = self.values;
        document.extend(
            self.dimensions
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into())),
        );
        if self.requests > 0 {
            document.insert(AWS_REQUESTS.to_owned(), self.requests.into());
        }
        document.insert("Stack".to_owned(), stack.into());
        document.insert("level".to_owned(), log::INFO.into());
        // To the second, which is four bytes less: the milliseconds are below.
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        document.insert("timestamp".to_owned(), time.into());
        let directives = json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": directives });
        document.insert("_aws".to_owned(), directives);
        document.into()
    }
}

/// Writes values and how often each came: as a list where each came once, which is shorter.
fn distribution(by_value: &[(u64, u64)]) -> Value {
    let (values, counts): (Vec<u64>, Vec<u64>) = by_value.iter().copied().unzip();
    match counts.iter().all(|count| *count == 1) {
        true => json!(values),
        false => json!({ "Values": values, "Counts": counts }),
    }
}

/// Rounds a value to two digits: what is shown of it is no finer, and equal values are written once.
fn rounded(value: f64) -> u64 {
    // A value that is negative or no number becomes 0.
    let value = value.round() as u64;
    let unit = 10_u64.pow(value.checked_ilog10().unwrap_or_default().saturating_sub(1));
    (value + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(act: impl FnOnce()) -> Vec<Value> {
        let collector = Collector::new("receiver");
        metrics::with_local_recorder(&collector, act);
        let mut output = Vec::new();
        collector.flush(Timestamp::UNIX_EPOCH, &mut output).unwrap();
        let mut empty = Vec::new();
        collector.flush(Timestamp::UNIX_EPOCH, &mut empty).unwrap();
        assert!(empty.is_empty(), "what was written is not written again");
        let lines = output
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[test]
    fn an_invocation_writes_one_document() {
        let documents = written(|| {
            metrics::counter!("A", "Domain" => "orders", "Result" => "late").increment(2);
            metrics::counter!("B").increment(1);
            metrics::histogram!("EventAge", "Domain" => "orders").record(61.4);
            metrics::counter!(AWS_REQUESTS, "Service" => "SQS").increment(3);
            metrics::counter!(AWS_REQUESTS, "Service" => "S3").increment(1);
        });
        let expected = json!({
            "_aws": { "Timestamp": 0, "CloudWatchMetrics": [
                { "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": [{ "Name": "B" }] },
                { "Namespace": NAMESPACE, "Dimensions": [["Stack", "Domain"]],
                  "Metrics": [{ "Name": "EventAge", "Unit": "Seconds" }] },
                { "Namespace": NAMESPACE, "Dimensions": [["Stack", "Domain", "Result"]], "Metrics": [{ "Name": "A" }] },
            ] },
            "level": "INFO", "timestamp": "1970-01-01T00:00:00Z",
            "Stack": "receiver", "Domain": "orders", "Result": "late",
            "A": 2, "B": 1, "EventAge": [61], "AwsRequests": 4,
        });
        assert_eq!(documents, [expected]);
    }

    #[test]
    fn metrics_that_are_not_chosen_are_not_written() {
        let collector = Collector::new("receiver").only(&["B"]);
        metrics::with_local_recorder(&collector, || {
            metrics::counter!("A").increment(1);
            metrics::counter!("B").increment(1);
        });
        let mut output = Vec::new();
        collector.flush(Timestamp::UNIX_EPOCH, &mut output).unwrap();
        let document: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!((document.get("A"), &document["B"]), (None, &json!(1)));
    }

    #[test]
    fn two_values_of_a_dimension_are_two_documents() {
        let documents = written(|| {
            metrics::counter!("A", "Result" => "late").increment(1);
            metrics::counter!("A", "Result" => "replay").increment(1);
            metrics::counter!("B", "Result" => "late").increment(1);
        });
        let results: Vec<_> = documents.iter().map(|document| &document["Result"]).collect();
        assert_eq!(results, ["late", "replay"]);
        assert_eq!((&documents[0]["B"], documents[1].get("B")), (&json!(1), None));
    }

    #[test]
    fn values_have_two_digits_and_none_is_lost() {
        let numbers = [
            0.0,
            0.4,
            9.6,
            99.4,
            123.0,
            125.0,
            1_249.0,
            87_654.0,
            -3.0,
            f64::NAN,
        ];
        assert_eq!(
            numbers.map(rounded),
            [0, 0, 10, 99, 120, 130, 1_200, 88_000, 0, 0]
        );
        let documents = written(|| (0..1_000).for_each(|ms| metrics::histogram!("A").record(f64::from(ms))));
        let counts = documents
            .iter()
            .map(|document| match document["A"]["Counts"].as_array() {
                Some(counts) => counts.iter().filter_map(Value::as_u64).sum::<u64>(),
                None => document["A"].as_array().unwrap().len() as u64,
            });
        assert_eq!(counts.sum::<u64>(), 1_000);
    }
}
