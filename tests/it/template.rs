//! The contracts of `template.yaml`: what the code and the operator rely on and a linter cannot know.

pub(crate) mod cloudformation;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use upvest::Domain;
use upvest::category::CATEGORIES;

use cloudformation::{Template, one_or_more, target, text_of, when_true};

const FUNCTION: &str = "AWS::Serverless::Function";
const QUEUE: &str = "AWS::SQS::Queue";
const TABLE: &str = "AWS::DynamoDB::Table";
const ROLE: &str = "AWS::IAM::Role";

const FOURTEEN_DAYS_S: u64 = 14 * 24 * 3600;
const ONE_MIB: u64 = 1_048_576;

/// Resources in policies that end in a wildcard, and why.
const WILDCARDS: [(&str, &str); 4] = [
    ("${ArchiveBucket.Arn}/*", "the keys of objects to come"),
    (
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:upvest-webhooks/${AWS::StackName}/hmac/*",
        "secrets that the operator adds, under names of this stack alone",
    ),
    ("${ReportsBucket.Arn}/*", "the keys of objects to come"),
    ("*", "X-Ray, whose operations know no resources"),
];

/// The secret with Upvest's credentials. Secrets Manager gives its ARN a suffix of six characters.
const UPVEST_SECRET: &str =
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${UpvestSecret}-??????";
/// The roles of the functions that call Upvest.
const UPVEST_CALLERS: [&str; 3] = ["RefreshKeysRole", "RegisterWebhookRole", "ReportsRole"];

/// What Lambda does in the name of a function that has a queue: it polls with the function's role.
const POLLING: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];
/// What Lambda does in the name of every function.
const LOGGING: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
/// What Lambda does in the name of every function that it traces.
const TRACING: [&str; 2] = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

type Grants = BTreeSet<(String, String)>;

fn grants<'a>(actions: impl IntoIterator<Item = &'a str>, resource: &str) -> Grants {
    actions
        .into_iter()
        .map(|action| (action.to_owned(), resource.to_owned()))
        .collect()
}

/// Every AWS operation that each function's code calls, and Lambda in its name.
fn needed(function: &str) -> Grants {
    let mut needed = grants(LOGGING, &format!("{}LogGroup", stem(function)));
    needed.extend(grants(TRACING, "*"));
    match function {
        "IngestFunction" => {
            // `DeliveriesQueue::send` and `warm`.
            needed.extend(grants(
                ["sqs:SendMessage", "sqs:GetQueueAttributes"],
                "DeliveriesQueue",
            ));
        }
        "VerifyAndStoreFunction" => {
            needed.extend(grants(POLLING, "DeliveriesQueue"));
            // `SourceQueue::settle`.
            needed.extend(grants(["sqs:ChangeMessageVisibility"], "DeliveriesQueue"));
            needed.extend(grants(["sqs:SendMessage"], "DeliveriesDeadLetterQueue"));
            // `Keys::read` and `Keys::secret`.
            needed.extend(grants(["dynamodb:GetItem"], "KeysTable"));
            needed.extend(grants(["secretsmanager:GetSecretValue"], WILDCARDS[1].0));
            needed.extend(grants(["secretsmanager:GetSecretValue"], "CanarySecret"));
            // `Archive::put`.
            needed.extend(grants(["s3:PutObject"], WILDCARDS[0].0));
            // `EventLog::insert` (in IAM a batch of statements is its statements) and `EventLog::owners`.
            needed.extend(grants(
                ["dynamodb:PartiQLInsert", "dynamodb:BatchGetItem"],
                "EventsTable",
            ));
            // `KeyRequests::send`.
            needed.extend(grants(["sqs:SendMessage"], "KeyRequestsQueue"));
            // `DomainQueues::send` (in IAM a batch of messages is its messages).
            for domain in domains() {
                needed.extend(grants(["sqs:SendMessage"], &format!("{domain}Queue")));
            }
        }
        "RefreshKeysFunction" => {
            needed.extend(grants(POLLING, "KeyRequestsQueue"));
            // `SourceQueue::settle`.
            needed.extend(grants(["sqs:ChangeMessageVisibility"], "KeyRequestsQueue"));
            needed.extend(grants(["sqs:SendMessage"], "KeyRequestsDeadLetterQueue"));
            // `upvest_api::read_secret`.
            needed.extend(grants(["secretsmanager:GetSecretValue"], UPVEST_SECRET));
            // `KeysTable::all`, `import`, `note_seen` and `retire`.
            needed.extend(grants(
                ["dynamodb:Scan", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                "KeysTable",
            ));
        }
        "CanaryFunction" => {
            // `CanaryKey::read`, `find` and `register`.
            needed.extend(grants(["secretsmanager:GetSecretValue"], "CanarySecret"));
            needed.extend(grants(["dynamodb:GetItem", "dynamodb:PutItem"], "KeysTable"));
            // `EventLog::contains`.
            needed.extend(grants(["dynamodb:GetItem"], "EventsTable"));
            // `Entities::load`.
            needed.extend(grants(["dynamodb:GetItem"], "EntitiesTable"));
        }
        // `upvest_api::read_secret`.
        "RegisterWebhookFunction" => needed.extend(grants(["secretsmanager:GetSecretValue"], UPVEST_SECRET)),
        _ => needed.extend(needed_by_processor(function)),
    }
    needed
}

/// What a domain's processor calls.
fn needed_by_processor(function: &str) -> Grants {
    let mut needed = Grants::new();
    let queue = format!("{}Queue", stem(function));
    needed.extend(grants(POLLING, &queue));
    // `SourceQueue::settle`.
    needed.extend(grants(["sqs:ChangeMessageVisibility"], &queue));
    let dead_letters = format!("{}DeadLetterQueue", stem(function));
    needed.extend(grants(["sqs:SendMessage"], &dead_letters));
    // `Entities::load` and `Entities::save`.
    needed.extend(grants(["dynamodb:GetItem", "dynamodb:PutItem"], "EntitiesTable"));
    // `Idempotency::claim`, `complete` and `release`.
    needed.extend(grants(
        ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        "IdempotencyTable",
    ));
    // `EventBus::publish`.
    needed.extend(grants(["events:PutEvents"], "EventBus"));
    if function == "ReportsFunction" {
        // `UpvestAccess::read`.
        needed.extend(grants(["secretsmanager:GetSecretValue"], UPVEST_SECRET));
        // `Retrieval::store`.
        needed.extend(grants(["s3:PutObject"], WILDCARDS[2].0));
    }
    needed
}

fn stem(function: &str) -> &str {
    function
        .strip_suffix("Function")
        .expect("functions are called so")
}

fn domains() -> Vec<String> {
    Template::loop_over("Domains", "Resources")
}

/// The statements of a role, its own and those of policies attached to it.
fn statements<'t>(template: &'t Template, role: &str) -> Vec<&'t Value> {
    let own = one_or_more(&template.properties(role)["Policies"]);
    let attached = template
        .resources("AWS::IAM::Policy")
        .map(|(_, policy)| &policy["Properties"]);
    let attached = attached.filter(|policy| {
        one_or_more(&policy["Roles"])
            .into_iter()
            .any(|own| target(own) == role)
    });
    own.into_iter()
        .chain(attached)
        .flat_map(|policy| one_or_more(&policy["PolicyDocument"]["Statement"]))
        .map(when_true)
        .collect()
}

/// What a role may do to which resource: its logical id, or the text that builds its ARN.
fn granted(template: &Template, role: &str) -> Grants {
    let mut granted = Grants::new();
    for statement in statements(template, role) {
        assert_eq!(statement["Effect"], "Allow", "{role}");
        for resource in one_or_more(&statement["Resource"]) {
            let resource = when_true(resource);
            let resource = resource["Fn::Sub"]
                .as_str()
                .or(resource.as_str())
                .unwrap_or_else(|| target(resource));
            granted.extend(grants(
                one_or_more(&statement["Action"]).into_iter().map(text_of),
                resource,
            ));
        }
    }
    granted
}

/// The event source of each function that has a queue.
fn triggers(template: &Template) -> Vec<(&str, &Value, &Value)> {
    let functions = template.resources(FUNCTION);
    functions
        .map(|(name, function)| (name, &function["Properties"]))
        .flat_map(|(name, function)| {
            let sources = function["Events"]
                .as_object()
                .into_iter()
                .flat_map(|sources| sources.values());
            sources.map(move |source| (name, function, &source["Properties"]))
        })
        .collect()
}

fn package(function: &Value) -> &str {
    text_of(&function["CodeUri"])
        .rsplit('/')
        .next()
        .expect("a path has an end")
}

fn functions_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions")
}

#[test]
fn every_queue_trigger_reports_single_failures_and_bounds_its_concurrency() {
    let template = Template::read();
    let triggers = triggers(&template);
    assert_eq!(triggers.len(), 2 + domains().len());
    for (name, _, source) in triggers {
        assert_eq!(
            source["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"]),
            "{name}"
        );
        let bound = &source["ScalingConfig"]["MaximumConcurrency"];
        let least = match bound.is_number() {
            true => bound,
            false => &template.section("Parameters")[target(bound)]["MinValue"],
        };
        assert_eq!(*least, 2, "{name}");
    }
}

#[test]
fn every_source_queue_outlasts_its_function_and_has_a_dead_letter_queue_of_its_own() {
    let template = Template::read();
    let mut dead_letter_queues = BTreeSet::new();
    for (name, function, source) in triggers(&template) {
        let queue = template.properties(target(&source["Queue"]));
        let timeout_s = function["Timeout"].as_u64().unwrap();
        assert!(
            queue["VisibilityTimeout"].as_u64().unwrap() >= 6 * timeout_s,
            "{name}"
        );
        assert!(
            queue["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap() >= 5,
            "{name}"
        );
        let dead_letters = target(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
        let variables = &function["Environment"]["Variables"];
        assert_eq!(
            variables["MAX_RECEIVE_COUNT"],
            queue["RedrivePolicy"]["maxReceiveCount"].to_string(),
            "{name} gives a reason at the last receive"
        );
        assert_eq!(
            target(&variables["DEAD_LETTER_QUEUE_URL"]),
            dead_letters,
            "{name}"
        );
        assert!(
            dead_letter_queues.insert(dead_letters),
            "{name} shares {dead_letters}"
        );
        assert_eq!(
            template.properties(dead_letters)["FifoQueue"],
            queue["FifoQueue"],
            "{name}"
        );
    }
    let queues: BTreeSet<&str> = template.resources(QUEUE).map(|(name, _)| name).collect();
    assert_eq!(queues.len(), 2 * dead_letter_queues.len());
}

#[test]
fn every_queue_keeps_large_messages_for_fourteen_days_encrypted() {
    let template = Template::read();
    for (name, queue) in template.resources(QUEUE) {
        let queue = &queue["Properties"];
        assert_eq!(queue["MessageRetentionPeriod"], FOURTEEN_DAYS_S, "{name}");
        assert_eq!(queue["MaximumMessageSize"], ONE_MIB, "{name}");
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{name}");
    }
}

#[test]
fn domains_have_fifo_queues_that_order_by_entity_and_deduplicate_by_event() {
    let template = Template::read();
    for domain in domains() {
        let queue = template.properties(&format!("{domain}Queue"));
        assert_eq!(queue["FifoQueue"], true);
        // Events with the same bytes and different ids are different events.
        assert_eq!(queue["ContentBasedDeduplication"], false);
        assert_eq!(queue["DeduplicationScope"], "messageGroup");
        assert_eq!(queue["FifoThroughputLimit"], "perMessageGroupId");
    }
    assert!(template.properties("DeliveriesQueue").get("FifoQueue").is_none());
}

#[test]
fn a_domain_is_named_alike_wherever_it_is_named() {
    let template = Template::read();
    let loops = domains();
    assert_eq!(Template::loop_over("DomainOutputs", "Outputs"), loops);
    let mapping = &template.section("Mappings")["Domains"];
    let mapped: BTreeSet<&String> = mapping.as_object().unwrap().keys().collect();
    assert_eq!(mapped, loops.iter().collect());

    let variables = &template.properties("VerifyAndStoreFunction")["Environment"]["Variables"];
    let routes: BTreeSet<&str> = one_or_more(&variables["DOMAIN_QUEUES"]["Fn::Join"][1])
        .into_iter()
        .map(|route| text_of(&route["Fn::Sub"]))
        .collect();
    let expected: Vec<String> = loops
        .iter()
        .map(|domain| format!("{}=${{{domain}Queue}}", text_of(&mapping[domain]["Package"])))
        .collect();
    assert_eq!(routes, expected.iter().map(String::as_str).collect());
    for domain in &loops {
        let package = text_of(&mapping[domain]["Package"]);
        assert_eq!(package.parse::<Domain>().unwrap().name(), package);
        assert_eq!(domain.to_lowercase(), package.replace('-', ""));
        assert_eq!(
            package,
            text_of(&template.properties(&format!("{domain}Function"))["Environment"]["Variables"]["DOMAIN"])
        );
    }
}

#[test]
fn a_processor_may_write_the_entities_and_records_of_its_domain_and_no_others() {
    let template = Template::read();
    for domain in domains() {
        let processor: Domain = package(template.properties(&format!("{domain}Function")))
            .parse()
            .unwrap();
        let own = CATEGORIES.iter().filter(|category| category.domain == processor);
        let own: BTreeSet<String> = match processor {
            // It takes the events of categories that nobody knows yet, and of domains without a processor.
            Domain::Unrecognised => ["*".to_owned()].into(),
            _ => own.map(|category| format!("{}#*", category.entity)).collect(),
        };
        assert_eq!(leading_keys(&template, &domain, "EntitiesTable"), own, "{domain}");
        assert_eq!(
            leading_keys(&template, &domain, "IdempotencyTable"),
            [format!("{processor}/*")].into()
        );
    }
}

#[test]
fn the_canary_may_write_its_own_key_and_read_its_own_event_and_entity_alone() {
    let template = Template::read();
    let keys = |table| leading_keys(&template, "Canary", table);
    assert_eq!(keys("KeysTable"), ["canary-*".to_owned()].into());
    assert_eq!(
        keys("EventsTable"),
        [format!("{}*", upvest::synthetic::ID_PREFIX)].into()
    );
    assert_eq!(
        keys("EntitiesTable"),
        [upvest::synthetic::canary_entity().to_string()].into()
    );
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
fn no_function_logs_what_secrets_manager_answers() {
    let template = Template::read();
    let levels = &template.section("Parameters")["LogLevel"]["AllowedValues"];
    assert_eq!(*levels, json!(["DEBUG", "INFO", "WARN", "ERROR"]));
}

#[test]
fn the_canary_posts_to_the_url_that_is_subscribed_at_upvest() {
    let template = Template::read();
    let url =
        |function: &str| template.properties(function)["Environment"]["Variables"]["WEBHOOK_URL"].clone();
    assert_eq!(url("CanaryFunction"), url("RegisterWebhookFunction"));
}

/// The rows of a table that a domain's processor, or another function, may touch.
fn leading_keys(template: &Template, function: &str, table: &str) -> BTreeSet<String> {
    let statements = statements(template, &format!("{function}Role"));
    let mut of_table = statements
        .into_iter()
        .filter(|statement| statement["Resource"]["Fn::GetAtt"][0] == table);
    let statement = of_table.next().expect("a statement is about the table");
    let condition = &statement["Condition"]["ForAllValues:StringLike"];
    assert!(of_table.next().is_none());
    let keys = one_or_more(&condition["dynamodb:LeadingKeys"]).into_iter();
    keys.map(|key| text_of(key).to_owned()).collect()
}

#[test]
fn every_function_is_a_package_of_its_own_and_every_package_a_function() {
    let template = Template::read();
    let mut deployed = BTreeSet::new();
    for (name, function) in template.resources(FUNCTION) {
        assert_eq!(function["Metadata"]["SkipBuild"], true, "{name}");
        let function = &function["Properties"];
        let package = package(function);
        assert_eq!(text_of(&function["CodeUri"]), format!("target/lambda/{package}"));
        assert_eq!(
            (text_of(&function["Runtime"]), text_of(&function["Handler"])),
            ("provided.al2023", "bootstrap")
        );
        let manifest = fs::read_to_string(functions_folder().join(package).join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("\nname = \"{package}\"\n")),
            "{package}"
        );
        assert!(deployed.insert(package.to_owned()), "{package} is deployed twice");
    }
    let packages = fs::read_dir(functions_folder()).unwrap();
    let packages = packages.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(deployed, packages.collect());
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
fn the_operations_that_a_function_calls_are_the_operations_that_it_may_call() {
    let template = Template::read();
    for (name, function) in template.resources(FUNCTION) {
        let granted = granted(&template, target(&function["Properties"]["Role"]));
        assert_eq!(granted, needed(name), "{name}");
    }
}

#[test]
fn no_role_has_managed_policies_or_wildcards() {
    let template = Template::read();
    let allowed: BTreeMap<&str, &str> = WILDCARDS.into();
    for (role, resource) in template.resources(ROLE) {
        let properties = &resource["Properties"];
        assert!(properties.get("ManagedPolicyArns").is_none(), "{role}");
        for (action, resource) in granted(&template, role) {
            assert!(!action.contains('*'), "{role} may {action}");
            assert_eq!(
                resource == "*",
                TRACING.contains(&&*action),
                "{role} may {action}"
            );
            assert!(
                !resource.contains('*') || allowed.contains_key(&*resource),
                "{role} may {action} on {resource}"
            );
        }
    }
    assert_eq!(template.resources("AWS::IAM::ManagedPolicy").count(), 0);
}

#[test]
fn functions_are_traced_and_may_write_traces_only_where_that_is_wanted() {
    let template = Template::read();
    let globals = &template.section("Globals")["Function"];
    assert_eq!(globals["Tracing"], json!({ "Ref": "Tracing" }));
    assert_eq!(
        template.section("Parameters")["Tracing"]["Default"],
        "PassThrough"
    );
    assert_eq!(
        template.section("Conditions")["Traces"],
        json!({ "Fn::Equals": [{ "Ref": "Tracing" }, "Active"] })
    );
    for (role, resource) in template.resources(ROLE) {
        let policy = &resource["Properties"]["Policies"][0]["PolicyDocument"];
        let statements = one_or_more(&policy["Statement"]);
        let traces = statements
            .iter()
            .find(|statement| when_true(statement)["Sid"] == "WriteTraces");
        let condition = &traces.unwrap_or_else(|| panic!("{role} may write traces"))["Fn::If"];
        assert_eq!(condition[0], "Traces", "{role}");
        assert_eq!(condition[2], json!({ "Ref": "AWS::NoValue" }), "{role}");
    }
}

#[test]
fn keys_and_secrets_are_touched_by_five_functions_and_ingest_only_sends() {
    let template = Template::read();
    for (role, _) in template.resources(ROLE) {
        let granted = granted(&template, role);
        let touches = |wanted: &str| granted.iter().any(|(_, resource)| resource == wanted);
        let secret = |(action, _): &(String, String)| {
            action.starts_with("secretsmanager:") || action.starts_with("kms:")
        };
        let (verify, refresh) = (role == "VerifyAndStoreRole", role == "RefreshKeysRole");
        let (canary, calls_upvest) = (role == "CanaryRole", UPVEST_CALLERS.contains(&role));
        assert_eq!(touches("KeysTable"), verify || refresh || canary, "{role}");
        assert_eq!(touches("CanarySecret"), verify || canary, "{role}");
        assert_eq!(
            granted.iter().any(secret),
            verify || canary || calls_upvest,
            "{role}"
        );
        assert_eq!(touches(UPVEST_SECRET), calls_upvest, "{role}");
    }
    let services: BTreeSet<String> = granted(&template, "IngestRole")
        .into_iter()
        .map(|(action, _)| action)
        .filter(|action| !action.starts_with("logs:") && !TRACING.contains(&&**action))
        .collect();
    assert_eq!(
        services,
        ["sqs:GetQueueAttributes".to_owned(), "sqs:SendMessage".to_owned()].into()
    );
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
    assert_eq!(conditional.len(), 14, "{conditional:?}");
    let variables = &template.properties("VerifyAndStoreFunction")["Environment"]["Variables"];
    assert_eq!(
        variables["KEY_REQUESTS_QUEUE_URL"],
        json!({ "Fn::If": ["ManagesUpvest", { "Ref": "KeyRequestsQueue" }, ""] })
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
        json!(["ApiStage", "IngestRoute", "IngestPermission"])
    );
    let properties = resource["Properties"].as_object().unwrap();
    let mirrored: BTreeSet<String> = properties.values().map(Value::to_string).collect();
    for (name, value) in variables.iter().filter(|(name, _)| *name != "KEEP_SUBSCRIPTION") {
        assert!(
            mirrored.contains(&value.to_string()),
            "a change of {name} is not noticed"
        );
    }
    let answered_within = resource["Properties"]["ServiceTimeout"].as_u64().unwrap();
    assert!(answered_within > function["Timeout"].as_u64().unwrap());
    let check = &template.section("Resources")["SubscriptionCheckSchedule"];
    assert_eq!(check["DependsOn"], "UpvestSubscription");
}

#[test]
fn every_schedule_may_invoke_its_function() {
    let template = Template::read();
    let rules: Vec<_> = template.resources("AWS::Events::Rule").collect();
    assert_eq!(rules.len(), 3);
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
fn a_delivery_of_the_subscription_fits_into_a_message() {
    let template = Template::read();
    let size = &template.section("Parameters")["WebhookMaxPackageSize"];
    assert!(size["Default"].as_u64().unwrap() <= ONE_MIB / 4);
    assert!(size["MaxValue"].as_u64().unwrap() < ONE_MIB);
}

#[test]
fn tables_are_protected_encrypted_recoverable_and_outlive_the_stack() {
    let template = Template::read();
    assert_eq!(
        template.section("Parameters")["DeletionProtection"]["Default"],
        "true"
    );
    for (name, table) in template.resources(TABLE) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(table[policy], "Retain", "{name}");
        }
        let table = &table["Properties"];
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        assert_eq!(
            table["DeletionProtectionEnabled"],
            json!({ "Ref": "DeletionProtection" }),
            "{name}"
        );
        assert_eq!(table["SSESpecification"]["SSEEnabled"], true, "{name}");
        let recovery = &table["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{name}");
    }
}

#[test]
fn tables_have_the_keys_that_the_code_writes() {
    let template = Template::read();
    let tables = template.resources(TABLE);
    let keys: BTreeMap<&str, &str> = tables
        .map(|(name, table)| {
            (
                name,
                text_of(&table["Properties"]["KeySchema"][0]["AttributeName"]),
            )
        })
        .collect();
    let expected = [
        ("EventsTable", "event_id"),
        ("EntitiesTable", "aggregate"),
        ("IdempotencyTable", "id"),
        ("KeysTable", "key_id"),
        ("AuditTable", "id"),
    ];
    assert_eq!(keys, expected.into());
    let index = &template.properties("EventsTable")["GlobalSecondaryIndexes"][0];
    assert_eq!(index["IndexName"], "by-aggregate");
    let names = one_or_more(&index["KeySchema"])
        .into_iter()
        .map(|key| text_of(&key["AttributeName"]));
    assert_eq!(names.collect::<Vec<_>>(), ["aggregate", "occurred"]);
    let expiry = &template.properties("IdempotencyTable")["TimeToLiveSpecification"];
    assert_eq!(expiry["AttributeName"], "expiration");
}

#[test]
fn buckets_are_private_versioned_encrypted_and_outlive_the_stack() {
    let template = Template::read();
    let buckets: Vec<_> = template.resources("AWS::S3::Bucket").collect();
    assert_eq!(buckets.len(), 2);
    for (name, bucket) in buckets {
        assert_eq!(
            (&bucket["DeletionPolicy"], &bucket["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{name}"
        );
        let bucket = &bucket["Properties"];
        for block in [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ] {
            assert_eq!(
                bucket["PublicAccessBlockConfiguration"][block], true,
                "{name}: {block}"
            );
        }
        assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled", "{name}");
        assert_eq!(
            bucket["OwnershipControls"]["Rules"][0]["ObjectOwnership"], "BucketOwnerEnforced",
            "{name}"
        );
        let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        assert!(encryption.is_object(), "{name}");
    }
    // The evidence stays; only what failed verification may expire.
    let archive = template.properties("ArchiveBucket");
    for rule in one_or_more(&archive["LifecycleConfiguration"]["Rules"]) {
        assert_eq!(rule["Prefix"], "quarantine/");
    }
}

#[test]
fn files_of_reports_are_retrieved_by_their_own_processor_and_where_that_is_wanted_only() {
    let template = Template::read();
    assert_eq!(
        template.section("Parameters")["RetrieveReports"]["Default"],
        "false"
    );
    let rule = &template.section("Rules")["RetrievalNeedsCredentials"];
    assert_eq!(
        rule["Assertions"][0]["Assert"],
        json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": "UpvestSecret" }, ""] }] })
    );
    for name in ["ReportsRetrievalPolicy", "ReportsBucket", "ReportsBucketPolicy"] {
        let resource = &template.section("Resources")[name];
        assert_eq!(resource["Condition"], "RetrievesReports", "{name}");
    }
    for domain in domains() {
        let function = template.properties(&format!("{domain}Function"));
        for (variable, source) in [
            ("REPORTS_BUCKET", "ReportsBucket"),
            ("UPVEST_SECRET", "UpvestSecret"),
            ("TREASURY_REPORTS_FOLDER", "TreasuryReportsFolder"),
        ] {
            let told = match domain.as_str() {
                "Reports" => json!({ "Ref": source }),
                _ => json!(""),
            };
            assert_eq!(
                function["Environment"]["Variables"][variable],
                json!({ "Fn::If": ["RetrievesReports", told, ""] }),
                "{domain}"
            );
        }
    }
}

#[test]
fn buckets_and_queues_refuse_plain_http() {
    let template = Template::read();
    let mut covered = BTreeSet::new();
    let buckets = template.resources("AWS::S3::BucketPolicy");
    for (name, policy) in buckets.chain(template.resources("AWS::SQS::QueuePolicy")) {
        let policy = &policy["Properties"];
        let refusal = &policy["PolicyDocument"]["Statement"][0];
        assert_eq!(
            (&refusal["Effect"], &refusal["Principal"]),
            (&json!("Deny"), &json!("*")),
            "{name}"
        );
        assert_eq!(
            refusal["Condition"],
            json!({ "Bool": { "aws:SecureTransport": "false" } }),
            "{name}"
        );
        covered.extend(policy.get("Bucket").map(target));
        covered.extend(
            one_or_more(&policy["Queues"])
                .into_iter()
                .filter(|queue| queue.is_object())
                .map(target),
        );
    }
    let queues = template
        .resources(QUEUE)
        .chain(template.resources("AWS::S3::Bucket"));
    assert_eq!(covered, queues.map(|(name, _)| name).collect());
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
        "DeliveriesQueueUrl",
        "FreshnessPolicy",
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
