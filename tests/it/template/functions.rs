//! Functions, the front door, and what the deployer chooses.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cloudformation::{Template, one_or_more, repository_file, target, text_of};
use super::{FUNCTION, QUEUE};

/// Names the binary that a function runs.
pub(super) fn binary(function: &Value) -> &str {
    text_of(&function["CodeUri"])
        .rsplit('/')
        .next()
        .expect("a path has an end")
}

/// Lists the binaries of the packages below `functions`.
fn binaries() -> BTreeSet<String> {
    let files = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions"))
        .flat_map(|package| match package.join("src/main.rs").exists() {
            true => vec![stem(package)],
            false => files(&package.join("src/bin")).map(stem).collect(),
        })
        .collect()
}

#[test]
fn the_canary_is_one_parameter_and_nothing_of_it_is_there_without() {
    let template = Template::read();
    assert_eq!(template.section("Parameters")["CanaryMinutes"]["Default"], 0);
    let mut conditional = BTreeSet::new();
    for (name, resource) in template.section("Resources") {
        assert_eq!(
            resource["Condition"] == "RunsCanary",
            name.starts_with("Canary"),
            "{name}"
        );
        conditional.extend(name.starts_with("Canary").then_some(name));
    }
    assert_eq!(conditional.len(), 6, "{conditional:?}");
    // The verifier knows the key by what the function registers; a value in the template would be no secret.
    let secret = template.properties("CanarySecret");
    assert!(secret["GenerateSecretString"]["PasswordLength"].as_u64().unwrap() >= 32);
    assert!(secret.get("SecretString").is_none() && secret.get("Name").is_none());
    // A run comes to its end before the next one begins, whatever the interval.
    let timeout_s = template.properties("CanaryFunction")["Timeout"].as_u64().unwrap();
    let minutes = one_or_more(&template.section("Parameters")["CanaryMinutes"]["AllowedValues"]);
    let minutes: Vec<u64> = minutes.into_iter().filter_map(Value::as_u64).collect();
    assert_eq!(minutes[0], 0);
    assert!(minutes[1..].iter().all(|minutes| minutes * 60 > timeout_s));
}

#[test]
fn the_canary_posts_to_the_url_that_is_subscribed_at_upvest() {
    let template = Template::read();
    let url =
        |function: &str| template.properties(function)["Environment"]["Variables"]["WEBHOOK_URL"].clone();
    assert_eq!(url("CanaryFunction"), url("RegisterWebhookFunction"));
}

#[test]
fn every_function_is_a_binary_of_its_own_and_every_binary_a_function() {
    let template = Template::read();
    let mut deployed = BTreeSet::new();
    for (name, function) in template.resources(FUNCTION) {
        assert_eq!(function["Metadata"]["SkipBuild"], true, "{name}");
        let function = &function["Properties"];
        let binary = binary(function);
        assert_eq!(text_of(&function["CodeUri"]), format!("target/lambda/{binary}"));
        assert_eq!(
            (text_of(&function["Runtime"]), text_of(&function["Handler"])),
            ("provided.al2023", "bootstrap")
        );
        assert!(deployed.insert(binary.to_owned()), "{binary} is deployed twice");
    }
    assert_eq!(deployed, binaries());
}

#[test]
fn every_function_has_a_role_and_a_log_group_with_retention_of_its_own() {
    let template = Template::read();
    let mut owned = BTreeSet::new();
    for (name, function) in template.resources(FUNCTION) {
        let function = &function["Properties"];
        let group = target(&function["LoggingConfig"]["LogGroup"]);
        assert_eq!(
            template.properties(group)["RetentionInDays"],
            json!({ "Ref": "LogRetentionDays" }),
            "{name}"
        );
        let role = target(&function["Role"]);
        let trust = &template.properties(role)["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(
            *trust,
            json!([{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }]),
            "{name}"
        );
        assert!(
            owned.insert(group) && owned.insert(role),
            "{name} shares {group} or {role}"
        );
        assert!(
            function.get("Policies").is_none(),
            "{name} has policies beside its role"
        );
    }
}

#[test]
fn without_credentials_nothing_that_needs_them_is_created() {
    let template = Template::read();
    let resources = template.section("Resources");
    let managing = |name: &str| {
        [
            "RefreshKeys",
            "KeyRequests",
            "RegisterWebhook",
            "Subscription",
            "UpvestKeys",
            "UpvestSubscription",
        ]
        .iter()
        .any(|part| name.starts_with(part))
    };
    let mut conditional = BTreeSet::new();
    for (name, resource) in resources {
        assert_eq!(resource["Condition"] == "ManagesUpvest", managing(name), "{name}");
        if managing(name) {
            conditional.insert(name.as_str());
        }
    }
    assert_eq!(conditional.len(), 16, "{conditional:?}");
    let variables = &template.properties("VerifyAndStoreFunction")["Environment"]["Variables"];
    assert_eq!(
        variables["KEY_REQUESTS_QUEUE_URL"],
        json!({ "Fn::If": ["ManagesUpvest", { "Ref": "KeyRequestsQueue" }, ""] })
    );
    assert_eq!(
        variables["SUBSCRIPTIONS_TABLE"],
        json!({ "Fn::If": ["ManagesUpvest", { "Ref": "SubscriptionsTable" }, ""] })
    );
}

#[test]
fn the_subscription_follows_the_settings_of_its_function_and_needs_the_whole_front_door() {
    let template = Template::read();
    let function = template.properties("RegisterWebhookFunction");
    let variables = function["Environment"]["Variables"].as_object().unwrap();
    let resource = &template.section("Resources")["UpvestSubscription"];
    assert_eq!(
        resource["DependsOn"],
        json!(["ApiStage", "IngestRoute", "IngestPermission", "UpvestKeys"])
    );
    let properties = resource["Properties"].as_object().unwrap();
    let mirrored: BTreeSet<String> = properties.values().map(Value::to_string).collect();
    // Neither says how the subscription is to be.
    let others = ["KEEP_SUBSCRIPTION", "SUBSCRIPTIONS_TABLE"];
    for (name, value) in variables
        .iter()
        .filter(|(name, _)| !others.contains(&name.as_str()))
    {
        assert!(
            mirrored.contains(&value.to_string()),
            "a change of {name} is not noticed"
        );
    }
    for parameter in ["VpcSubnetIds", "VpcSecurityGroupIds", "HttpsProxy", "NoProxy"] {
        let network = text_of(&properties["Network"]["Fn::Sub"]);
        assert!(
            network.contains(&format!("${{{parameter}}}")),
            "a change of {parameter} is not noticed"
        );
    }
    let answered_within = resource["Properties"]["ServiceTimeout"].as_u64().unwrap();
    assert!(answered_within > function["Timeout"].as_u64().unwrap());
    let check = &template.section("Resources")["SubscriptionCheckSchedule"];
    assert_eq!(check["DependsOn"], "UpvestSubscription");
}

#[test]
fn the_keys_are_fetched_before_there_is_a_subscription_that_upvest_sends_events_for() {
    let template = Template::read();
    let keys = &template.section("Resources")["UpvestKeys"];
    assert_eq!(target(&keys["Properties"]["ServiceToken"]), "RefreshKeysFunction");
    let function = template.properties("RefreshKeysFunction");
    let secret = &function["Environment"]["Variables"]["UPVEST_SECRET"];
    assert_eq!(
        keys["Properties"]["Secret"], *secret,
        "other credentials are noticed"
    );
    // A rollback to code that does not know the resource would wait for its deletion.
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        assert_eq!(keys[policy], "Retain");
    }
    // Lambda tries an invocation that crashes twice more.
    let answered_within = keys["Properties"]["ServiceTimeout"].as_u64().unwrap();
    let invocation = function["Timeout"].as_u64().unwrap();
    assert!(answered_within > 3 * invocation);
    // Three attempts to answer CloudFormation, of two seconds each, and a pause of half a second between them.
    assert!(refresh_keys::Tries::default().within.as_secs() + 7 < invocation);
    let subscription = &template.section("Resources")["UpvestSubscription"];
    assert!(one_or_more(&subscription["DependsOn"]).contains(&&json!("UpvestKeys")));
}

#[test]
fn every_schedule_may_invoke_its_function() {
    let template = Template::read();
    let rules: Vec<_> = template.resources("AWS::Events::Rule").collect();
    assert_eq!(rules.len(), 4);
    for (name, rule) in rules {
        let function = target(&rule["Properties"]["Targets"][0]["Arn"]);
        let mut permissions = template.resources("AWS::Lambda::Permission");
        let permission = permissions
            .find(|(_, permission)| permission["Properties"]["SourceArn"]["Fn::GetAtt"][0] == name);
        let permission = &permission.unwrap().1["Properties"];
        assert_eq!(target(&permission["FunctionName"]), function, "{name}");
        assert_eq!(permission["Principal"], "events.amazonaws.com", "{name}");
    }
}

#[test]
fn the_api_hands_the_webhook_path_to_ingest_and_waits_for_its_answer() {
    let template = Template::read();
    let routes: Vec<_> = template.resources("AWS::ApiGatewayV2::Route").collect();
    assert_eq!(routes.len(), 1);
    assert_eq!(
        routes[0].1["Properties"]["RouteKey"]["Fn::Sub"],
        "ANY ${WebhookPath}"
    );
    // Signatures cover the path: a stage with a name would be a part of it.
    assert_eq!(template.properties("ApiStage")["StageName"], "$default");
    let stage = template.properties("ApiStage");
    assert!(stage["DefaultRouteSettings"]["ThrottlingRateLimit"].is_object());
    assert!(stage["AccessLogSettings"]["DestinationArn"].is_object());
    let integration = template.properties("IngestIntegration");
    assert_eq!(integration["PayloadFormatVersion"], "2.0");
    let ingest = template.properties("IngestFunction");
    assert!(integration["TimeoutInMillis"].as_u64().unwrap() > 1000 * ingest["Timeout"].as_u64().unwrap());
}

#[test]
fn every_parameter_is_described_grouped_and_has_a_default() {
    let template = Template::read();
    let groups = &template.section("Metadata")["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped: Vec<&str> = one_or_more(groups)
        .into_iter()
        .flat_map(|group| one_or_more(&group["Parameters"]))
        .map(text_of)
        .collect();
    let parameters = template.section("Parameters");
    assert_eq!(grouped.len(), parameters.len());
    for (name, parameter) in parameters {
        assert!(grouped.contains(&name.as_str()), "{name} is in no group");
        assert!(text_of(&parameter["Description"]).len() > 20, "{name}");
        assert!(parameter.get("Default").is_some(), "{name}");
    }
}

/// What a row of docs/parameters.md says of the values that a parameter may have.
fn allowed(parameter: &Value) -> String {
    let bounds = ["MinValue", "MaxValue"].map(|bound| parameter[bound].as_u64());
    match (parameter.get("AllowedValues"), bounds) {
        (Some(values), _) => {
            let values: Vec<String> = one_or_more(values).into_iter().map(as_code).collect();
            values.join(", ")
        }
        (None, [Some(least), Some(most)]) => format!("{least} to {most}"),
        (None, [Some(least), None]) => format!("{least} or more"),
        (None, [None, Some(most)]) => format!("{most} or less"),
        (None, [None, None]) => String::new(),
    }
}

/// A value as code of Markdown; nothing for an empty one.
fn as_code(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[test]
fn the_page_of_parameters_says_what_the_template_says() {
    let template = Template::read();
    let page = repository_file("docs/parameters.md");
    let parameters = template.section("Parameters");
    assert_eq!(page.matches("\n| `").count(), parameters.len());
    for (name, parameter) in parameters {
        let default = as_code(&parameter["Default"]);
        let description = text_of(&parameter["Description"]);
        let row = format!(
            "\n| `{name}` | {default} | {} | {description} |\n",
            allowed(parameter)
        );
        assert!(page.contains(&row), "docs/parameters.md has no row {row}");
    }
}

#[test]
fn the_stack_tells_the_version_that_it_was_built_from() {
    let template = Template::read();
    let version = &template.section("Outputs")["Version"]["Value"];
    assert_eq!(text_of(version), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_outputs_that_tools_rely_on_are_there() {
    let template = Template::read();
    let outputs = template.section("Outputs");
    for name in [
        "WebhookUrl",
        "EventsTableName",
        "EntitiesTableName",
        "KeysTableName",
        "AuditTableName",
        "ArchiveBucketName",
        "QuarantineBucketName",
        "DeliveriesQueueUrl",
        "Environment",
        "FreshnessPolicy",
        "SubscriptionPolicy",
        "UpvestSecret",
    ] {
        assert!(outputs.contains_key(name), "{name}");
    }
    assert!(
        outputs
            .values()
            .all(|output| !text_of(&output["Description"]).is_empty())
    );
    let queues = template.resources(QUEUE).map(|(name, _)| format!("{name}Url"));
    assert!(queues.into_iter().all(|name| outputs.contains_key(&name)));
}
