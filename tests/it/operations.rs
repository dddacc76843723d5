//! Alarms, dashboard and runbook: that they watch what is really published, and that every alarm says what to do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use webhook_tests::metrics::Measurement;

use crate::published_metrics::published;
use crate::template::cloudformation::{Template, as_written, one_or_more, repository_file, target, text_of};

const OURS: &str = "UpvestWebhooks";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";
const ALARMS: &str = "infra/alarms.yaml";
const DASHBOARD: &str = "infra/dashboard.yaml";

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

/// Every alarm of both templates, loops written out, by logical id.
fn alarms() -> Vec<(String, Value)> {
    let templates = [Template::read(), Template::read_file(ALARMS)];
    let of = |template: &Template| -> Vec<(String, Value)> {
        let alarms = template.resources(ALARM);
        alarms
            .map(|(name, alarm)| (name.to_owned(), alarm["Properties"].clone()))
            .collect()
    };
    templates.iter().flat_map(of).collect()
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

/// The dashboard's body, and what its variables stand for.
fn dashboard() -> (Value, Value) {
    let template = Template::read_file(DASHBOARD);
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].clone();
    let widgets = serde_json::from_str(text_of(&body[0])).expect("the dashboard is JSON");
    (widgets, body[1].clone())
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

#[test]
fn the_dashboard_shows_every_domain_under_its_own_name() {
    let template = Template::read();
    let parameters = &template.properties("Dashboard")["Parameters"];
    let domains = Template::loop_over("Domains", "Resources");
    for (list, suffix) in [
        ("DomainQueueNames", "Queue"),
        ("DomainDeadLetterQueueNames", "DeadLetterQueue"),
        ("DomainFunctionNames", "Function"),
    ] {
        let given = one_or_more(&parameters[list]["Fn::Join"][1])
            .into_iter()
            .map(target);
        let expected: Vec<String> = domains.iter().map(|domain| format!("{domain}{suffix}")).collect();
        assert_eq!(given.collect::<Vec<_>>(), expected, "{list}");
    }
    let (body, variables) = dashboard();
    assert_eq!(variables.as_object().map(Map::len), Some(3 * domains.len()));
    let text = body.to_string();
    for (index, domain) in domains.iter().enumerate() {
        let name = text_of(&template.section("Mappings")["Domains"][domain]["Name"]);
        for variable in ["Queue", "DeadLetterQueue", "Function"] {
            let labelled = format!(r#""${{{variable}{index}}}",{{"label":"{name}"}}"#);
            assert!(text.contains(&labelled), "{labelled}");
        }
    }
}

#[test]
fn nested_templates_are_given_what_they_ask_for() {
    let template = Template::read();
    for (name, path) in [("Alarms", ALARMS), ("Dashboard", DASHBOARD)] {
        let given = template.properties(name);
        assert_eq!(given["Location"], path);
        let given = given["Parameters"].as_object().expect("it is given parameters");
        let nested = Template::read_file(path);
        let asked: BTreeSet<&String> = nested.section("Parameters").keys().collect();
        assert_eq!(given.keys().collect::<BTreeSet<_>>(), asked, "{path}");
    }
}

#[test]
fn every_alarm_tells_both_topics() {
    for (name, alarm) in alarms() {
        let told = alarm["AlarmActions"].to_string();
        assert!(told.contains("HasAlarmTopicArn"), "{name}");
        assert!(
            told.contains("CreatesAlarmTopic") || told.contains("HasOwnTopicArn"),
            "{name}"
        );
        assert!(
            ["breaching", "notBreaching"].contains(&text_of(&alarm["TreatMissingData"])),
            "{name}"
        );
    }
}

#[test]
fn the_alarm_that_wakes_somebody_is_made_of_alarms_that_are_there() {
    let template = Template::read();
    let nested = Template::read_file(ALARMS);
    let composites: Vec<_> = nested.resources(COMPOSITE).collect();
    assert_eq!(composites.len(), 1);
    let rule = composites[0].1["Properties"]["AlarmRule"].to_string();
    let named: BTreeSet<&str> = rule
        .split("ALARM(\\\"${")
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .collect();
    assert!(named.len() >= 8, "{named:?}");
    for name in &named {
        assert_eq!(nested.section("Resources")[*name]["Type"], ALARM, "{name}");
    }
    let domains = &template.properties("Alarms")["Parameters"]["DomainDeadLetterAlarms"]["Fn::Join"];
    assert_eq!(domains[0], " OR ");
    let given: Vec<&str> = one_or_more(&domains[1])
        .into_iter()
        .map(|alarm| text_of(&alarm["Fn::Sub"]))
        .collect();
    let expected: Vec<String> = Template::loop_over("Domains", "Resources")
        .iter()
        .map(|domain| format!("ALARM(\"${{{domain}DeadLetterAlarm}}\")"))
        .collect();
    assert_eq!(given, expected);
}

/// The alarms as they are written, those of a loop once, with what they say.
fn descriptions() -> BTreeMap<String, String> {
    let of_loops = |resources: &Map<String, Value>| -> Map<String, Value> {
        let loops = resources
            .iter()
            .filter(|(name, _)| name.starts_with("Fn::ForEach::"));
        loops
            .flat_map(|(_, body)| body[2].as_object().cloned().unwrap_or_default())
            .collect()
    };
    let mut found = BTreeMap::new();
    for path in ["template.yaml", ALARMS] {
        let template = as_written(path);
        let resources = template["Resources"]
            .as_object()
            .expect("a template has resources");
        for (name, resource) in resources.iter().chain(&of_loops(resources)) {
            if resource["Type"] == ALARM || resource["Type"] == COMPOSITE {
                let text = text_of(&resource["Properties"]["AlarmDescription"]["Fn::Sub"]);
                found.insert(name.replace("${Domain}", "Domain"), text.to_owned());
            }
        }
    }
    found
}

fn kebab_case(name: &str) -> String {
    let mut anchor = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !anchor.is_empty() {
            anchor.push('-');
        }
        anchor.push(c.to_ascii_lowercase());
    }
    anchor
}

/// The sections of the runbook's part about alarms, with their texts.
fn sections() -> BTreeMap<String, String> {
    let page = repository_file("docs/operations.md");
    let (_, alarms) = page
        .split_once("\n## Alarms\n")
        .expect("there is a part about alarms");
    let alarms = alarms.split("\n## ").next().unwrap_or_default();
    let sections = alarms.split("\n### ").skip(1);
    sections
        .filter_map(|section| section.split_once('\n'))
        .map(|(anchor, text)| (anchor.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn every_alarm_ends_with_the_link_of_its_section_in_the_runbook_and_every_section_has_an_alarm() {
    let sections = sections();
    let descriptions = descriptions();
    assert!(descriptions.len() > 25);
    for (name, text) in &descriptions {
        let anchor = kebab_case(name);
        assert!(
            text.trim_end().ends_with(&format!(" ${{RunbookUrl}}#{anchor}")),
            "{name}: {text}"
        );
        assert!(text.len() > 80, "{name} says too little");
        assert!(
            sections.contains_key(&anchor),
            "docs/operations.md has no section {anchor}"
        );
    }
    let anchors: BTreeSet<String> = descriptions.keys().map(|name| kebab_case(name)).collect();
    for (anchor, text) in &sections {
        assert!(anchors.contains(anchor), "no alarm leads to the section {anchor}");
        for part in ["**Means.**", "**Money.**", "**Look.**", "**Do.**", "**Clears**"] {
            assert!(text.contains(part), "{anchor} has no part {part}");
        }
    }
}

/// What metric filters count of a line of the access log.
fn counted(template: &Template, route: &str, status: &str) -> Vec<String> {
    let holds = |term: &str| {
        let (field, rest) = term.split_once(' ').expect("a term has an operator");
        let (operator, value) = rest.split_once(' ').expect("a term has a value");
        let own = if field == "$.routeKey" { route } else { status };
        match operator {
            "=" => own == value.trim_matches('"'),
            "!=" => own != value.trim_matches('"'),
            other => panic!("{other} is not known here"),
        }
    };
    let filters = template.resources("AWS::Logs::MetricFilter");
    let counting = filters.filter(|(_, filter)| {
        let pattern = &filter["Properties"]["FilterPattern"];
        let pattern = pattern["Fn::Sub"].as_str().unwrap_or_else(|| text_of(pattern));
        let terms = pattern.trim_matches(['{', '}', ' ']).split(" && ");
        terms.map(|term| term.trim_matches(['(', ')'])).all(holds)
    });
    let metric =
        |filter: &Value| text_of(&filter["Properties"]["MetricTransformations"][0]["MetricName"]).to_owned();
    counting.map(|(_, filter)| metric(filter)).collect()
}

#[test]
fn every_answer_that_may_block_upvest_rings_and_strangers_wake_nobody() {
    let template = Template::read();
    let webhook = text_of(&template.properties("IngestRoute")["RouteKey"]["Fn::Sub"]);
    let ours = |status: &str| counted(&template, webhook, status);
    for status in ["400", "403", "404", "408", "413", "500", "502", "503", "504"] {
        assert_eq!(ours(status), ["DeliveriesRefused"], "{status}");
    }
    assert_eq!(ours("429"), ["DeliveriesThrottled"]);
    assert_eq!(ours("401"), ["RequestsUnsigned"]);
    // A delivery is a POST.
    assert_eq!(ours("405"), [""; 0]);
    assert_eq!(ours("200"), [""; 0]);
    // Scanners ask other paths, which the API itself answers.
    for status in ["400", "403", "404"] {
        assert_eq!(counted(&template, "-", status), [""; 0], "{status}");
    }
}

/// How long Upvest waits at most before it tries a delivery again.
const LONGEST_RETRY_S: u64 = 600;

#[test]
fn unsigned_requests_ring_when_they_come_as_upvest_would_and_not_for_a_look_of_doctor_or_a_scanner() {
    let nested = Template::read_file(ALARMS);
    let alarm = nested.properties("UnsignedAlarm");
    let period_s = alarm["Period"].as_u64().expect("a number");
    let periods = alarm["EvaluationPeriods"].as_u64().expect("a number");
    assert!(alarm.get("DatapointsToAlarm").is_none(), "in every period");
    assert_eq!(
        (
            &alarm["Threshold"],
            &alarm["ComparisonOperator"],
            &alarm["TreatMissingData"]
        ),
        (&0.into(), &"GreaterThanThreshold".into(), &"notBreaching".into())
    );
    assert!(
        period_s >= LONGEST_RETRY_S,
        "each period has an attempt of Upvest's"
    );
    // Whoever comes once an hour leaves periods empty.
    assert!(periods >= 2 && period_s * periods <= 3600);
    let rule = nested.properties("WebhooksUnhealthyAlarm")["AlarmRule"].to_string();
    for alarm in ["RefusedAlarm", "UnsignedAlarm"] {
        assert!(rule.contains(alarm), "{alarm}");
    }
}

#[test]
fn the_access_log_has_what_its_metric_filters_look_at() {
    let template = Template::read();
    let format = text_of(&template.properties("ApiStage")["AccessLogSettings"]["Format"]["Fn::Sub"]);
    let line: Value = serde_json::from_str(format).expect("a line of the access log is JSON");
    let route = &template.properties("IngestRoute")["RouteKey"]["Fn::Sub"];
    for (name, filter) in template.resources("AWS::Logs::MetricFilter") {
        let filter = &filter["Properties"];
        assert_eq!(target(&filter["LogGroupName"]), "AccessLogGroup");
        let pattern = &filter["FilterPattern"];
        let pattern = pattern["Fn::Sub"].as_str().unwrap_or_else(|| text_of(pattern));
        assert!(!pattern.contains("routeKey") || pattern.contains(&format!("\"{}\"", text_of(route))));
        for field in pattern.split("$.").skip(1) {
            let field = field.split(' ').next().unwrap_or_default();
            assert!(line.get(field).is_some(), "{name} looks at {field}");
        }
    }
    assert_eq!(line["stack"], "${AWS::StackName}");
}
