//! Alarms, dashboard and runbook: that they watch what is really published, and that every alarm says what to do.

mod watched;

use std::collections::{BTreeMap, BTreeSet};

use operator::cost::{Observability, watching};
use pipeline::runtime::metrics::LEAN;
use serde_json::{Map, Value};
use webhook_tests::metrics::Measurement;

use crate::published_metrics::published;
use crate::template::cloudformation::{Template, as_written, one_or_more, repository_file, target, text_of};

const OURS: &str = "UpvestWebhooks";
const ALARM: &str = "AWS::CloudWatch::Alarm";
const COMPOSITE: &str = "AWS::CloudWatch::CompositeAlarm";
const ALARMS: &str = "infra/alarms.yaml";
const DASHBOARD: &str = "infra/dashboard.yaml";

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

/// The dashboard's body, and what its variables stand for.
fn dashboard() -> (Value, Value) {
    let template = Template::read_file(DASHBOARD);
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].clone();
    let widgets = serde_json::from_str(text_of(&body[0])).expect("the dashboard is JSON");
    (widgets, body[1].clone())
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

/// The conditions under which an alarm is there only where all is observed.
const FULL: [&str; 3] = ["ObservesAll", "ObservesUpvest", "ObservesCanary"];

#[test]
fn a_lean_stack_keeps_the_alarms_that_wake_somebody_and_their_metrics() {
    let alarms = || {
        let templates = [Template::read(), Template::read_file(ALARMS)];
        let of = |template: &Template| -> Vec<(String, Value)> {
            let alarms = template.resources(ALARM);
            alarms
                .map(|(name, alarm)| (name.to_owned(), alarm.clone()))
                .collect()
        };
        templates.iter().flat_map(of).collect::<Vec<_>>()
    };
    let is_kept = |alarm: &Value| !FULL.contains(&alarm["Condition"].as_str().unwrap_or_default());
    let (kept, others): (Vec<_>, Vec<_>) = alarms().into_iter().partition(|(_, alarm)| is_kept(alarm));
    let rule = Template::read_file(ALARMS).properties("WebhooksUnhealthyAlarm")["AlarmRule"].to_string();
    for (name, alarm) in &kept {
        let wakes = rule.contains(&format!("${{{name}}}")) || name.ends_with("DeadLetterAlarm");
        assert!(wakes, "{name} wakes nobody");
        let metric = text_of(&alarm["Properties"]["MetricName"]);
        let is_ours = alarm["Properties"]["Namespace"] == OURS;
        // What filters read off the API's log is published by no function.
        let is_filtered = metric == "RefusedFromUpvest";
        assert!(
            !is_ours || is_filtered || LEAN.contains(&metric),
            "{metric} is not published"
        );
    }
    for (name, _) in &others {
        assert!(!rule.contains(&format!("${{{name}}}")), "{name} wakes somebody");
    }
    let known = |observability| watching(observability).0;
    assert_eq!(known(Observability::Lean), kept.len());
    assert_eq!(known(Observability::Full), kept.len() + others.len());
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
    let page = repository_file("docs/alarms.md");
    let sections = page.split("\n### ").skip(1);
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
            "docs/alarms.md has no section {anchor}"
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

/// The pattern of a metric filter, with what its variables stand for but for the parameters.
fn pattern(filter: &Value) -> String {
    let pattern = &filter["Properties"]["FilterPattern"];
    match &pattern["Fn::Sub"] {
        Value::Array(parts) => {
            let variables = parts[1].as_object().expect("variables have names");
            variables
                .iter()
                .fold(text_of(&parts[0]).to_owned(), |text, (name, value)| {
                    text.replace(&format!("${{{name}}}"), text_of(value))
                })
        }
        Value::String(text) => text.clone(),
        _ => text_of(pattern).to_owned(),
    }
}

#[test]
fn the_page_says_of_every_alarm_who_can_make_it_ring_and_nothing_wakes_that_anybody_can() {
    let rule = Template::read_file(ALARMS).properties("WebhooksUnhealthyAlarm")["AlarmRule"].to_string();
    let wakes = |name: &str| {
        let of_a_domain = ["WebhooksUnhealthyAlarm", "DomainDeadLetterAlarm"].contains(&name);
        of_a_domain || rule.contains(&format!("${{{name}}}"))
    };
    let page = repository_file("docs/alarms.md");
    let rows: BTreeMap<&str, [&str; 2]> = page
        .lines()
        .filter_map(|line| {
            let (anchor, cells) = line.strip_prefix("| [")?.split_once("](#")?;
            let mut cells = cells.split(" | ").skip(1);
            Some((anchor, [cells.next()?, cells.next()?.trim_end_matches(" |")]))
        })
        .collect();
    let descriptions = descriptions();
    for name in descriptions.keys() {
        let [is_said_to_wake, who] = rows[kebab_case(name).as_str()];
        assert_eq!(is_said_to_wake == "yes", wakes(name), "{name}");
        assert!(
            !wakes(name) || !who.contains("anybody"),
            "a stranger can make {name} ring"
        );
    }
    assert_eq!(rows.len(), descriptions.len());
}

/// What metric filters count of a line of the access log.
fn counted(template: &Template, route: &str, status: &str, source: &str) -> Vec<String> {
    let holds = |term: &str| {
        let (field, rest) = term
            .trim_matches(['(', ')'])
            .split_once(' ')
            .expect("a term has an operator");
        let (operator, value) = rest.split_once(' ').expect("a term has a value");
        let own = match field {
            "$.routeKey" => route,
            "$.sourceIp" => source,
            _ => status,
        };
        match operator {
            "=" => own == value.trim_matches('"'),
            "!=" => own != value.trim_matches('"'),
            other => panic!("{other} is not known here"),
        }
    };
    let filters = template.resources("AWS::Logs::MetricFilter");
    let counting = filters.filter(|(_, filter)| {
        let pattern = pattern(filter);
        let mut terms = pattern.trim_matches(['{', '}', ' ']).split(" && ");
        terms.all(|term| term.split(" || ").any(holds))
    });
    let metric =
        |filter: &Value| text_of(&filter["Properties"]["MetricTransformations"][0]["MetricName"]).to_owned();
    counting.map(|(_, filter)| metric(filter)).collect()
}

#[test]
fn every_answer_that_may_block_upvest_rings_and_strangers_wake_nobody() {
    let template = Template::read();
    let webhook = text_of(&template.properties("IngestRoute")["RouteKey"]["Fn::Sub"]);
    let ours = |status: &str| counted(&template, webhook, status, "192.0.2.1");
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
        assert_eq!(counted(&template, "-", status, "192.0.2.1"), [""; 0], "{status}");
    }
}

#[test]
fn whatever_upvest_is_refused_is_counted_apart_from_what_strangers_are() {
    let template = Template::read();
    let webhook = text_of(&template.properties("IngestRoute")["RouteKey"]["Fn::Sub"]);
    for address in upvest::addresses::published().map(|address| address.to_string()) {
        for status in ["400", "401", "403", "413", "429", "500", "503"] {
            let counted = counted(&template, webhook, status, &address);
            assert!(
                counted.contains(&"RefusedFromUpvest".to_owned()),
                "{address} {status}"
            );
        }
        assert_eq!(counted(&template, webhook, "200", &address), [""; 0]);
    }
    let longest = template.section("Parameters")["WebhookPath"]["MaxLength"].as_u64();
    for (name, filter) in template.resources("AWS::Logs::MetricFilter") {
        let written = pattern(filter).len() as u64;
        assert!(
            written + longest.expect("a path has a bound") <= 1_024,
            "{name}: {written}"
        );
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
}

#[test]
fn the_access_log_has_what_its_metric_filters_look_at() {
    let template = Template::read();
    let format = text_of(&template.properties("ApiStage")["AccessLogSettings"]["Format"]["Fn::Sub"]);
    let line: Value = serde_json::from_str(format).expect("a line of the access log is JSON");
    let route = &template.properties("IngestRoute")["RouteKey"]["Fn::Sub"];
    for (name, filter) in template.resources("AWS::Logs::MetricFilter") {
        assert_eq!(target(&filter["Properties"]["LogGroupName"]), "AccessLogGroup");
        let pattern = self::pattern(filter);
        assert!(!pattern.contains("routeKey") || pattern.contains(&format!("\"{}\"", text_of(route))));
        for field in pattern.split("$.").skip(1) {
            let field = field.split(' ').next().unwrap_or_default();
            assert!(line.get(field).is_some(), "{name} looks at {field}");
        }
    }
    assert_eq!(line["stack"], "${AWS::StackName}");
}
