//! What alarms and the dashboard watch is published, and what is published is watched.

use pipeline::runtime::metrics::AWS_REQUESTS;

use super::*;

/// The metrics of AWS that are watched, by namespace: the dimension under which AWS publishes them, and the type of the
/// resource that it names.
const OF_AWS: [(&str, &[&str], &str, &str); 3] = [
    (
        "AWS/ApiGateway",
        &["4xx", "5xx", "Latency", "IntegrationLatency"],
        "ApiId",
        "AWS::ApiGatewayV2::Api",
    ),
    (
        "AWS/SQS",
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
        ],
        "QueueName",
        "AWS::SQS::Queue",
    ),
    (
        "AWS/Lambda",
        &[
            "Invocations",
            "Errors",
            "Throttles",
            "Duration",
            "ConcurrentExecutions",
        ],
        "FunctionName",
        "AWS::Serverless::Function",
    ),
];

/// A metric that an alarm or the dashboard watches.
#[derive(Debug)]
struct Watched {
    by: String,
    namespace: String,
    name: String,
    /// Values by dimension; `None` is any value.
    dimensions: BTreeMap<String, Option<Value>>,
}

fn watched_by_alarms() -> Vec<Watched> {
    let watched = alarms().into_iter().map(|(by, alarm)| {
        let dimensions = one_or_more(&alarm["Dimensions"]).into_iter();
        Watched {
            by,
            namespace: text_of(&alarm["Namespace"]).to_owned(),
            name: text_of(&alarm["MetricName"]).to_owned(),
            dimensions: dimensions
                .map(|one| (text_of(&one["Name"]).to_owned(), Some(one["Value"].clone())))
                .collect(),
        }
    });
    watched.collect()
}

fn watched_by_dashboard() -> Vec<Watched> {
    let (body, _) = dashboard();
    let widgets = body["widgets"].as_array().expect("a dashboard has widgets");
    let mut watched = Vec::new();
    for widget in widgets.iter().filter(|widget| widget["type"] == "metric") {
        let by = text_of(&widget["properties"]["title"]);
        for metric in one_or_more(&widget["properties"]["metrics"]) {
            watched.push(match metric[0]["expression"].as_str() {
                Some(search) => searched(by, search),
                None => listed(by, metric),
            });
        }
    }
    watched
}

/// `[namespace, name, dimension, value, ..., {options}]`
fn listed(by: &str, metric: &Value) -> Watched {
    let texts: Vec<&str> = one_or_more(metric)
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    let dimensions = texts[2..].chunks(2);
    Watched {
        by: by.to_owned(),
        namespace: texts[0].to_owned(),
        name: texts[1].to_owned(),
        dimensions: dimensions
            .map(|pair| (pair[0].to_owned(), Some(pair[1].into())))
            .collect(),
    }
}

/// `SEARCH('{namespace,dimension,...} MetricName="name" dimension="value" ...', ...)`
fn searched(by: &str, search: &str) -> Watched {
    let (schema, rest) = search
        .strip_prefix("SEARCH('{")
        .and_then(|search| search.split_once("} "))
        .unwrap_or_else(|| panic!("{search} is a search"));
    let (terms, _) = rest.split_once('\'').expect("a search ends");
    let terms = terms.split("\" ").map(|term| {
        let (name, value) = term.split_once("=\"").expect("a term is name=\"value\"");
        (name, value.trim_end_matches('"'))
    });
    let terms: BTreeMap<&str, &str> = terms.collect();
    let mut schema = schema.split(',');
    Watched {
        by: by.to_owned(),
        namespace: schema.next().expect("a schema has a namespace").to_owned(),
        name: terms["MetricName"].to_owned(),
        dimensions: schema
            .map(|name| (name.to_owned(), terms.get(name).map(|value| (*value).into())))
            .collect(),
    }
}

/// What metric filters make of the access log.
fn filtered(template: &Template) -> Vec<Measurement> {
    let filters = template.resources("AWS::Logs::MetricFilter");
    let measurements = filters.map(|(name, filter)| {
        let metric = &filter["Properties"]["MetricTransformations"][0];
        assert_eq!(metric["MetricNamespace"], OURS, "{name}");
        let labels = one_or_more(&metric["Dimensions"]).into_iter();
        let labels = labels.map(|one| (text_of(&one["Key"]).to_owned(), text_of(&one["Value"]).to_owned()));
        let mut labels: BTreeMap<String, String> = labels.collect();
        assert_eq!(labels.remove("Stack").as_deref(), Some("$.stack"), "{name}");
        Measurement {
            name: text_of(&metric["MetricName"]).to_owned(),
            labels,
            value: 1.0,
        }
    });
    measurements.collect()
}

impl Watched {
    /// Whether this is a measurement of the watched metric.
    fn is(&self, measurement: &Measurement) -> bool {
        let names = measurement.labels.keys().map(String::as_str);
        let names: BTreeSet<&str> = names.chain(["Stack"]).collect();
        let own: BTreeSet<&str> = self.dimensions.keys().map(String::as_str).collect();
        let agrees = |(name, value): (&String, &Option<Value>)| match value {
            Some(value) if name != "Stack" => measurement.labels.get(name).is_some_and(|own| value == own),
            _ => true,
        };
        self.name == measurement.name && own == names && self.dimensions.iter().all(agrees)
    }
}

#[tokio::test]
async fn alarms_and_dashboard_watch_metrics_that_the_functions_really_publish() {
    let template = Template::read();
    let mut published = published().await;
    published.extend(filtered(&template));
    let watched: Vec<Watched> = watched_by_alarms()
        .into_iter()
        .chain(watched_by_dashboard())
        .filter(|watched| watched.namespace == OURS)
        .collect();
    assert!(watched.len() > 40, "{}", watched.len());
    for watched in &watched {
        assert!(watched.dimensions.contains_key("Stack"), "{watched:?}");
        assert!(
            published.iter().any(|published| watched.is(published)),
            "nobody publishes what {} watches: {watched:?}",
            watched.by
        );
    }
    // A member of each document in the log, and no metric.
    published.retain(|published| published.name != AWS_REQUESTS);
    let is_watched = |published: &&Measurement| watched.iter().any(|watched| watched.is(published));
    let unwatched: Vec<_> = published
        .iter()
        .filter(|published| !is_watched(published))
        .collect();
    assert!(unwatched.is_empty(), "nobody watches {unwatched:?}");
}

#[test]
fn what_is_watched_of_aws_is_a_metric_of_aws_and_a_resource_of_the_template() {
    let template = Template::read();
    let nested = [ALARMS, DASHBOARD].map(|path| {
        let name = if path == ALARMS { "Alarms" } else { "Dashboard" };
        &template.properties(name)["Parameters"]
    });
    let (_, variables) = dashboard();
    let of_aws = |watched: &Watched| watched.namespace != OURS;
    for watched in watched_by_alarms().iter().filter(|watched| of_aws(watched)) {
        let (dimension, resource_type) = published_by_aws(watched);
        let value = watched.dimensions[dimension]
            .as_ref()
            .expect("alarms name a value");
        let resource = nested[0].get(target(value)).map_or(value, given);
        assert_is(&template, target(resource), resource_type, watched);
    }
    for watched in watched_by_dashboard().iter().filter(|watched| of_aws(watched)) {
        let (dimension, resource_type) = published_by_aws(watched);
        let value = watched.dimensions[dimension]
            .as_ref()
            .expect("the dashboard names values");
        let variable = text_of(value).trim_start_matches("${").trim_end_matches('}');
        let resource = match variables.get(variable) {
            Some(select) => {
                let index: usize = text_of(&select["Fn::Select"][0]).parse().expect("an index");
                let list = target(&select["Fn::Select"][1]);
                &nested[1][list]["Fn::Join"][1][index]
            }
            None => given(&nested[1][variable]),
        };
        assert_is(&template, target(resource), resource_type, watched);
    }
}

fn given(value: &Value) -> &Value {
    value.get("Fn::If").map_or(value, |branches| &branches[1])
}

/// The only dimension of a metric of AWS, and the type of resource that it names.
fn published_by_aws(watched: &Watched) -> (&'static str, &'static str) {
    let known = OF_AWS
        .into_iter()
        .find(|(namespace, names, ..)| watched.namespace == *namespace && names.contains(&&*watched.name));
    let (_, _, dimension, resource_type) =
        known.unwrap_or_else(|| panic!("AWS does not publish {watched:?}"));
    let names: Vec<&String> = watched.dimensions.keys().collect();
    assert_eq!(names, [dimension], "{watched:?}");
    (dimension, resource_type)
}

fn assert_is(template: &Template, resource: &str, resource_type: &str, watched: &Watched) {
    let resource = &template.section("Resources")[resource];
    assert_eq!(resource["Type"], resource_type, "{watched:?}");
}

#[test]
fn every_queue_and_every_function_is_watched() {
    let template = Template::read();
    let parameters = &template.properties("Alarms")["Parameters"];
    let mut watched = BTreeSet::new();
    for (_, alarm) in alarms() {
        let value = &alarm["Dimensions"][0]["Value"];
        if alarm["Namespace"] == OURS {
            continue;
        }
        let resource = parameters.get(target(value)).map_or(value, given);
        watched.insert((
            text_of(&alarm["MetricName"]).to_owned(),
            target(resource).to_owned(),
        ));
    }
    let mut wanted = BTreeSet::new();
    for (queue, _) in template.resources("AWS::SQS::Queue") {
        let metric = match queue.ends_with("DeadLetterQueue") {
            true => "ApproximateNumberOfMessagesVisible",
            false => "ApproximateAgeOfOldestMessage",
        };
        wanted.insert((metric.to_owned(), queue.to_owned()));
    }
    for (function, _) in template.resources("AWS::Serverless::Function") {
        wanted.extend(["Errors", "Throttles"].map(|metric| (metric.to_owned(), function.to_owned())));
    }
    let missing: Vec<_> = wanted.difference(&watched).collect();
    assert!(missing.is_empty(), "nothing watches {missing:?}");
}
