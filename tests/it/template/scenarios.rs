//! The files of parameters among the examples, one for each way of running a stack: what is in them can be deployed, and costs
//! what the page says.

use std::collections::BTreeMap;

use operator::cost::{Observability, REGIONS, Traffic, reckon};
use serde_json::{Map, Value, json};

use super::cloudformation::{Template, repository_file, text_of};
use super::rules::refusals;

/// A scenario of docs/deploying.md.
struct Scenario {
    /// Its name, in the table and in the name of its file.
    name: &'static str,
    /// For how much traffic the table reckons it.
    events_per_day: f64,
}

const SCENARIOS: [Scenario; 3] = [
    Scenario {
        name: "trial",
        events_per_day: 1_000.0,
    },
    Scenario {
        name: "production",
        events_per_day: 100_000.0,
    },
    Scenario {
        name: "regulated",
        events_per_day: 100_000.0,
    },
];
const REGION: &str = "eu-central-1";
/// What the table reckons with: so many events in a delivery.
const PER_DELIVERY: f64 = 10.0;

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
    let prices = REGIONS.into_iter().find(|prices| prices.region == REGION);
    let prices = prices.expect("its prices are known");
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
            scenario.name, scenario.events_per_day, month.usd_fixed, month.usd_per_million_events, month.usd
        );
        assert!(page.contains(&row), "docs/deploying.md lacks {row}");
    }
}
