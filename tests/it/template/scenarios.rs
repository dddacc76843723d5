//! The files of parameters among the examples, one for each way of running a stack: what is in them can be deployed, and takes
//! and costs what the page says.

use std::collections::BTreeMap;

use operator::cost::{Observability, Prices, REGIONS, Traffic, reckon};
use serde_json::{Map, Value, json};

use super::cloudformation::{Template, repository_file, text_of};
use super::rules::refusals;
use super::{FUNCTION, ROLE, TABLE};

/// A scenario of docs/deploying.md.
struct Scenario {
    /// Its name, in the name of its file.
    name: &'static str,
    /// What the table of costs calls it.
    costs_as: &'static str,
    /// For how much traffic the table reckons it.
    events_per_day: f64,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "trial",
        costs_as: "trial",
        events_per_day: 1_000.0,
    },
    Scenario {
        name: "production",
        costs_as: "production",
        events_per_day: 100_000.0,
    },
    Scenario {
        name: "regulated",
        costs_as: "regulated, without its key and network",
        events_per_day: 100_000.0,
    },
];
const REGION: &str = "eu-central-1";
/// What the table reckons with: so many events in a delivery.
const PER_DELIVERY: f64 = 10.0;
/// What the first of two steps leaves out, in which a `regulated` stack is made before the DNS knows its name.
const FIRST_STEP: [(&str, &str); 3] = [
    ("UpvestSecret", ""),
    ("UpvestSecretKmsKeyArn", ""),
    ("SubscriptionPolicy", "flag"),
];
const ALARMS: [&str; 2] = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];

impl Scenario {
    /// The parameters that its file sets, with their values.
    fn parameters(&self) -> BTreeMap<String, String> {
        let file = repository_file(&format!("infra/examples/parameters-{}.json", self.name));
        serde_json::from_str(&file).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

/// What the template allows a parameter, as a schema of its text.
fn schema(parameter: &Value) -> Value {
    let mut schema = json!({ "type": "string" });
    for (member, keyword) in [("AllowedPattern", "pattern"), ("MaxLength", "maxLength")] {
        if let Some(value) = parameter.get(member) {
            schema[keyword] = value.clone();
        }
    }
    if let Some(values) = parameter["AllowedValues"].as_array() {
        let texts = values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        schema["enum"] = texts.collect();
    }
    schema
}

fn prices_of(region: &str) -> Prices {
    let prices = REGIONS.into_iter().find(|prices| prices.region == region);
    prices.expect("its prices are known")
}

/// Fails unless a number is within the bounds of its parameter.
fn assert_within(name: &str, parameter: &Value, value: &str) {
    if parameter["Type"] != "Number" {
        return;
    }
    let number: i64 = value.parse().unwrap_or_else(|_| panic!("{name}: {value}"));
    let least = parameter["MinValue"].as_i64().unwrap_or(i64::MIN);
    let most = parameter["MaxValue"].as_i64().unwrap_or(i64::MAX);
    assert!((least..=most).contains(&number), "{name}: {value}");
}

#[test]
fn every_file_of_parameters_can_be_deployed() {
    let template = Template::read();
    let parameters = template.section("Parameters");
    let properties: Map<String, Value> = parameters
        .iter()
        .map(|(name, parameter)| (name.clone(), schema(parameter)))
        .collect();
    let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let schema = jsonschema::validator_for(&schema).expect("it is a schema");
    for scenario in SCENARIOS {
        let given = scenario.parameters();
        let document = json!(given);
        let wrong: Vec<String> = schema
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", scenario.name);
        let signs = given.contains_key("CodeSigningConfigArn");
        assert!(!signs, "{}: nothing in a release is signed", scenario.name);
        for (name, value) in &given {
            assert_within(name, &parameters[name], value);
        }
        let given: Vec<(&str, &str)> = given
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let refused = refusals(&template, &given);
        assert!(refused.is_empty(), "{}: {refused:?}", scenario.name);
    }
}

#[test]
fn what_a_scenario_costs_is_on_the_page() {
    let page = repository_file("docs/deploying.md");
    let template = Template::read();
    let default = text_of(&template.section("Parameters")["Observability"]["Default"]);
    let prices = prices_of(REGION);
    for scenario in SCENARIOS {
        let parameters = scenario.parameters();
        let chosen = parameters.get("Observability").map_or(default, String::as_str);
        let observability = match chosen {
            "lean" => Observability::Lean,
            "full" => Observability::Full,
            other => panic!("{other}"),
        };
        let traffic = Traffic {
            events_per_day: scenario.events_per_day,
            per_delivery: PER_DELIVERY,
        };
        let month = reckon(traffic, &prices, observability);
        let row = format!(
            "| {} | `{chosen}` | {} | {:.2} | {:.2} | {:.2} |",
            scenario.costs_as,
            scenario.events_per_day,
            month.usd_fixed,
            month.usd_per_million_events,
            month.usd
        );
        assert!(page.contains(&row), "docs/deploying.md lacks {row}");
    }
}

#[test]
fn the_page_on_costs_compares_its_region_with_that_of_the_scenarios() {
    let traffic = || Traffic {
        events_per_day: 1_000.0,
        per_delivery: PER_DELIVERY,
    };
    let [here, there] =
        ["us-east-1", REGION].map(|region| reckon(traffic(), &prices_of(region), Observability::Full));
    let said = format!(
        "in Frankfurt a million events are {:.2}, and the fixed part is the same",
        there.usd_per_million_events
    );
    assert!(
        repository_file("docs/cost.md").contains(&said),
        "docs/cost.md lacks {said}"
    );
    assert_eq!(
        format!("{:.2}", here.usd_fixed),
        format!("{:.2}", there.usd_fixed)
    );
}

#[test]
fn a_regulated_stack_can_be_made_before_the_dns_knows_its_name() {
    let template = Template::read();
    let page = repository_file("docs/deploying.md");
    let regulated = SCENARIOS
        .into_iter()
        .find(|scenario| scenario.name == "regulated");
    let parameters = regulated.expect("it is one of them").parameters();
    assert!(parameters.contains_key("DomainName") && !parameters.contains_key("HostedZoneId"));
    let refused = |left_out: &[(&str, &str)]| {
        let mut given: BTreeMap<&str, &str> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        given.extend(left_out.iter().copied());
        let given: Vec<(&str, &str)> = given.into_iter().collect();
        refusals(&template, &given)
    };
    assert_eq!(refused(&FIRST_STEP), Vec::<String>::new());
    assert_eq!(refused(&FIRST_STEP[..1]).len(), 2, "the other two are needed");
    let options = FIRST_STEP.map(|(name, value)| format!("--set {name}={value}"));
    let options = options.join(" ");
    assert!(page.contains(&options), "docs/deploying.md lacks {options}");
}

/// Counts a template's alarms, and those of them that a stack with `Observability=lean` keeps.
fn alarms(template: &Template) -> (usize, usize) {
    let resources = template.section("Resources").values();
    let alarms: Vec<&Value> = resources
        .filter(|resource| ALARMS.contains(&text_of(&resource["Type"])))
        .collect();
    let lean = alarms.iter().filter(|alarm| {
        let condition = alarm["Condition"].as_str();
        condition.is_none_or(|condition| !condition.starts_with("Observes"))
    });
    (alarms.len(), lean.count())
}

#[test]
fn the_page_says_what_a_stack_takes_of_each_quota() {
    let page = repository_file("docs/deploying.md");
    let template = Template::read();
    let count = |kind: &str| template.resources(kind).count();
    let (here, lean_here) = alarms(&template);
    let (there, lean_there) = alarms(&Template::read_file("infra/alarms.yaml"));
    let functions = template.resources(FUNCTION);
    let sources =
        functions.map(|(_, function)| function["Properties"]["Events"].as_object().map_or(0, Map::len));
    let resources = template.section("Resources").len() + sources.sum::<usize>();
    let (buckets, stacks) = (count("AWS::S3::Bucket"), count("AWS::Serverless::Application"));
    for row in [
        format!("| 2,500 | {} |", count(TABLE)),
        format!("| 10,000 | {}, or {buckets} with reports,", buckets - 1),
        format!("| 1,000 | {} |", count(ROLE)),
        format!(
            "| 5,000 | {}, or {} with `Observability=lean` |",
            here + there,
            lean_here + lean_there
        ),
        format!("| {} on the default bus |", count("AWS::Events::Rule")),
        format!("| 2,000 | {}, two of them nested |", stacks + 1),
        // A release adds the two parameters that say where its files lie.
        format!(
            "{resources} resources of 500, {} parameters of 200",
            template.section("Parameters").len() + 2
        ),
    ] {
        assert!(page.contains(&row), "docs/deploying.md lacks {row}");
    }
}
