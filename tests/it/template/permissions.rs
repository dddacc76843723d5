//! Least privilege: what each function may do, held against what its code calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pipeline::stores::archive::{OF_A_KEY, QUARANTINE_PREFIX};
use serde_json::{Value, json};
use upvest::Domain;
use upvest::category::CATEGORIES;

use super::cloudformation::{Template, one_or_more, target, text_of, when_true};
use super::functions::binary;
use super::{FUNCTION, ROLE, domains, stem};

/// Resources in policies that end in a wildcard, and why.
const WILDCARDS: [(&str, &str); 10] = [
    ("${ArchiveBucket.Arn}/verified/*", "the keys of objects to come"),
    (
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:upvest-webhooks/${AWS::StackName}/hmac/*",
        "secrets that the operator adds, under names of this stack alone",
    ),
    ("${ReportsBucket.Arn}/*", "the keys of objects to come"),
    (
        "*",
        "X-Ray, whose operations know no resources, and Lambda's network interfaces, which have no names yet",
    ),
    (WAITING[0], "the keys of deliveries that wait for a key"),
    (WAITING[1], "the keys of deliveries that another key may prove"),
    (
        WAITING[2],
        "the keys of deliveries of a key that may be served again",
    ),
    (
        WAITING[3],
        "the keys of deliveries of a key that may be trusted again",
    ),
    (PENDING, "the keys of deliveries that are not settled"),
    (QUARANTINE, "the keys of deliveries that are not proven"),
];
/// What is in quarantine.
const QUARANTINE: &str = "${QuarantineBucket.Arn}/quarantine/*";
/// What lies in quarantine because of its key.
const WAITING: [&str; 4] = [
    "${QuarantineBucket.Arn}/quarantine/unknown-key/*",
    "${QuarantineBucket.Arn}/quarantine/bad-signature/*",
    "${QuarantineBucket.Arn}/quarantine/key-retired/*",
    "${QuarantineBucket.Arn}/quarantine/key-distrusted/*",
];

/// Deliveries that are not settled.
const PENDING: &str = "${PendingBucket.Arn}/pending/*";

/// The secret with Upvest's credentials, whose account and name are taken from the parameter.
const UPVEST_SECRET: &str = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${Account}:secret:${Name}";
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

/// What Lambda does in the name of every function that runs in a VPC.
const NETWORK: [&str; 6] = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// What services do with a customer's key in the name of whoever calls them.
const KEY: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

type Grants = BTreeSet<(String, String)>;

fn grants<'a>(actions: impl IntoIterator<Item = &'a str>, resource: &str) -> Grants {
    actions
        .into_iter()
        .map(|action| (action.to_owned(), resource.to_owned()))
        .collect()
}

/// What it takes to read Upvest's credentials.
fn credentials() -> Grants {
    let mut needed = grants(["secretsmanager:GetSecretValue"], UPVEST_SECRET);
    needed.extend(grants(["kms:Decrypt"], "UpvestSecretKmsKeyArn"));
    needed
}

/// Every AWS operation that each function's code calls, and Lambda in its name.
fn needed(function: &str) -> Grants {
    let mut needed = grants(LOGGING, &format!("{}LogGroup", stem(function)));
    needed.extend(grants(TRACING, "*"));
    needed.extend(grants(NETWORK, "*"));
    needed.extend(grants(KEY, "KmsKeyArn"));
    // What was written before the key was another one.
    needed.extend(grants(["kms:Decrypt"], "FormerKmsKeyArns"));
    match function {
        "IngestFunction" => {
            // `DeliveriesQueue::send` and `warm`.
            let send = ["sqs:SendMessage", "sqs:GetQueueAttributes"];
            needed.extend(grants(send, "DeliveriesQueue"));
        }
        "VerifyAndStoreFunction" => needed.extend(needed_by_verify_and_store()),
        "RefreshKeysFunction" => {
            needed.extend(grants(POLLING, "KeyRequestsQueue"));
            // `SourceQueue::settle`.
            needed.extend(grants(["sqs:ChangeMessageVisibility"], "KeyRequestsQueue"));
            needed.extend(grants(["sqs:SendMessage"], "KeyRequestsDeadLetterQueue"));
            // `upvest_api::read_secret`.
            needed.extend(credentials());
            // `KeysTable::rows`, `add_fetched`, `change_fetched`, `note_served` and `retire`.
            needed.extend(grants(
                [
                    "dynamodb:Scan",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                ],
                "KeysTable",
            ));
            // `AuditLog::begin` and `end`.
            needed.extend(grants(["dynamodb:PartiQLInsert"], "AuditTable"));
            // `Waiting::send_on`.
            needed.extend(grants(["s3:ListBucket"], "QuarantineBucket"));
            needed.extend(
                WAITING
                    .iter()
                    .flat_map(|place| grants(["s3:GetObject", "s3:PutObject"], place)),
            );
            needed.extend(grants(["sqs:SendMessage"], "DeliveriesQueue"));
        }
        "CanaryFunction" => {
            // `CanaryKey::ready`.
            needed.extend(grants(["secretsmanager:GetSecretValue"], "CanarySecret"));
            // `EventLog::contains`.
            needed.extend(grants(["dynamodb:GetItem"], "EventsTable"));
            // `Entities::load`.
            needed.extend(grants(["dynamodb:GetItem"], "EntitiesTable"));
        }
        "RegisterWebhookFunction" => {
            // `upvest_api::read_secret`.
            needed.extend(credentials());
            // `Subscriptions::adopt`.
            needed.extend(grants(["dynamodb:UpdateItem"], "SubscriptionsTable"));
        }
        _ => needed.extend(needed_by_processor(function)),
    }
    needed
}

fn needed_by_verify_and_store() -> Grants {
    let mut needed = grants(POLLING, "DeliveriesQueue");
    // `SourceQueue::settle`.
    needed.extend(grants(["sqs:ChangeMessageVisibility"], "DeliveriesQueue"));
    needed.extend(grants(["sqs:SendMessage"], "DeliveriesDeadLetterQueue"));
    // `Attempts::open` and `close`.
    needed.extend(grants(
        ["dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        "IdempotencyTable",
    ));
    // `Keys::read` and `proved`.
    needed.extend(grants(["dynamodb:GetItem", "dynamodb:UpdateItem"], "KeysTable"));
    // `Keys::secret`.
    needed.extend(grants(["secretsmanager:GetSecretValue"], WILDCARDS[1].0));
    needed.extend(grants(["secretsmanager:GetSecretValue"], "CanarySecret"));
    // `Subscriptions::owner`.
    needed.extend(grants(
        ["dynamodb:Scan", "dynamodb:PutItem"],
        "SubscriptionsTable",
    ));
    // `Archive::put`.
    needed.extend(grants(["s3:PutObject"], WILDCARDS[0].0));
    needed.extend(grants(["s3:PutObject"], QUARANTINE));
    // `Archive::lists_verified`.
    needed.extend(grants(["s3:ListBucket"], "ArchiveBucket"));
    // `Pending::keep`, `remove` and `list`.
    needed.extend(grants(["s3:PutObject", "s3:DeleteObject"], PENDING));
    needed.extend(grants(["s3:ListBucket"], "PendingBucket"));
    // `pending::drain`.
    needed.extend(grants(
        ["sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"],
        "DeliveriesDeadLetterQueue",
    ));
    // `Archive::remove_waiting`.
    needed.extend(
        WAITING
            .iter()
            .flat_map(|place| grants(["s3:DeleteObject"], place)),
    );
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
    // `Entities::load_many`, `save` and `save_many`.
    needed.extend(grants(
        [
            "dynamodb:BatchGetItem",
            "dynamodb:PutItem",
            "dynamodb:PartiQLInsert",
            "dynamodb:PartiQLUpdate",
        ],
        "EntitiesTable",
    ));
    // `Idempotency::claim`, `complete` and `release`; `Attempts::open` and `close`.
    needed.extend(grants(
        ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
        "IdempotencyTable",
    ));
    // `EventBus::publish`.
    needed.extend(grants(["events:PutEvents"], "EventBus"));
    if function == "ReportsFunction" {
        // `UpvestAccess::read`.
        needed.extend(credentials());
        // `Retrieval::store`.
        needed.extend(grants(["s3:PutObject"], WILDCARDS[2].0));
    }
    needed
}

/// Lists the statements of a role, its own and those of policies attached to it.
pub(super) fn statements<'t>(template: &'t Template, role: &str) -> Vec<&'t Value> {
    let own = one_or_more(&template.properties(role)["Policies"]);
    let attached = template
        .resources("AWS::IAM::Policy")
        .filter(|(name, _)| !is_somebodys_own(name))
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

/// Whether a policy is for code that was added to a release, in the repository of whoever did so: docs/getting-started.md gives
/// it a name that begins so. In the release's own repository no policy is left out.
fn is_somebodys_own(policy: &str) -> bool {
    let actions = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../functions/processors/.own-actions"
    );
    policy.starts_with("Own") && Path::new(actions).exists()
}

/// Tells what a role may do to which resource: its logical id, or the text that builds its ARN. What is denied of that in
/// spite is looked at by [`taken_over`](super::taken_over).
pub(super) fn granted(template: &Template, role: &str) -> Grants {
    let mut granted = Grants::new();
    let statements = statements(template, role).into_iter();
    for statement in statements.filter(|statement| statement["Effect"] != "Deny") {
        assert_eq!(statement["Effect"], "Allow", "{role}");
        for resource in one_or_more(&statement["Resource"]) {
            let resource = when_true(resource);
            let resource = one_or_more(&resource["Fn::Sub"])[0]
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

#[test]
fn what_may_be_sent_on_from_quarantine_is_what_the_code_sends_on() {
    let places = OF_A_KEY.map(|reason| format!("${{QuarantineBucket.Arn}}/{QUARANTINE_PREFIX}{reason}/*"));
    assert_eq!(places, WAITING);
}

#[test]
fn a_processor_may_write_the_entities_and_records_of_its_domain_and_no_others() {
    let template = Template::read();
    for domain in domains() {
        let processor: Domain = binary(template.properties(&format!("{domain}Function")))
            .parse()
            .unwrap();
        let own = CATEGORIES.iter().filter(|category| category.domain == processor);
        let own: BTreeSet<String> = match processor {
            // It takes the events of categories that nobody knows yet.
            Domain::Unrecognised => ["*".to_owned()].into(),
            _ => own.map(|category| format!("{}#*", category.entity)).collect(),
        };
        assert_eq!(leading_keys(&template, &domain, "EntitiesTable"), own, "{domain}");
        assert_eq!(
            leading_keys(&template, &domain, "IdempotencyTable"),
            [format!("{processor}#*"), format!("attempt#{processor}#*")].into()
        );
    }
    assert_eq!(
        leading_keys(&template, "VerifyAndStore", "IdempotencyTable"),
        [format!("attempt#{}#*", verify_and_store::ATTEMPTS_OF)].into()
    );
}

#[test]
fn the_canary_may_read_its_own_event_and_entity_alone() {
    let template = Template::read();
    let keys = |table| leading_keys(&template, "Canary", table);
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
fn verify_and_store_may_note_the_use_of_a_key_and_change_nothing_that_says_what_it_proves() {
    let template = Template::read();
    let statements = statements(&template, "VerifyAndStoreRole");
    let updates: Vec<_> = statements
        .into_iter()
        .filter(|statement| statement["Action"].to_string().contains("UpdateItem"))
        .filter(|statement| statement["Resource"]["Fn::GetAtt"][0] == "KeysTable")
        .collect();
    let [update] = updates[..] else {
        panic!("{updates:?}")
    };
    let condition = json!({
        "ForAllValues:StringEquals": { "dynamodb:Attributes": ["key_id", "last_proved", "dialects"] },
        // Without this, an update could read the rest of the row.
        "StringEqualsIfExists": { "dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"] },
    });
    assert_eq!(update["Condition"], condition);
}

#[test]
fn no_function_logs_what_secrets_manager_answers() {
    let template = Template::read();
    let levels = &template.section("Parameters")["LogLevel"]["AllowedValues"];
    assert_eq!(*levels, json!(["DEBUG", "INFO", "WARN", "ERROR"]));
}

/// Lists the rows of a table that a domain's processor, or another function, may touch.
fn leading_keys(template: &Template, function: &str, table: &str) -> BTreeSet<String> {
    let statements = statements(template, &format!("{function}Role"));
    let mut of_table = statements.into_iter().filter(|statement| {
        statement["Effect"] == "Allow" && statement["Resource"]["Fn::GetAtt"][0] == table
    });
    let statement = of_table.next().expect("a statement is about the table");
    let condition = &statement["Condition"]["ForAllValues:StringLike"];
    assert!(of_table.next().is_none());
    let keys = one_or_more(&condition["dynamodb:LeadingKeys"]).into_iter();
    keys.map(|key| text_of(key).to_owned()).collect()
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
                TRACING.contains(&&*action) || NETWORK.contains(&&*action),
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
        let secret = |(action, _): &(String, String)| action.starts_with("secretsmanager:");
        let (verify, refresh) = (role == "VerifyAndStoreRole", role == "RefreshKeysRole");
        let (canary, calls_upvest) = (role == "CanaryRole", UPVEST_CALLERS.contains(&role));
        assert_eq!(touches("KeysTable"), verify || refresh, "{role}");
        assert_eq!(touches("CanarySecret"), verify || canary, "{role}");
        assert_eq!(
            granted.iter().any(secret),
            verify || canary || calls_upvest,
            "{role}"
        );
        assert_eq!(touches(UPVEST_SECRET), calls_upvest, "{role}");
        assert_eq!(touches("UpvestSecretKmsKeyArn"), calls_upvest, "{role}");
    }
    let services: BTreeSet<String> = granted(&template, "IngestRole")
        .into_iter()
        .map(|(action, _)| action)
        .filter(|action| !action.starts_with("logs:") && !TRACING.contains(&&**action))
        .filter(|action| !NETWORK.contains(&&**action) && !KEY.contains(&&**action))
        .collect();
    assert_eq!(
        services,
        ["sqs:GetQueueAttributes".to_owned(), "sqs:SendMessage".to_owned()].into()
    );
}
