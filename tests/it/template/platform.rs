//! What a platform team asks of every stack: a boundary and a path for its roles, its own key, its network, its signatures.
//!
//! Each is looked for on every resource that it could be missing from, so that a new one is not forgotten.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cloudformation::{Template, as_written, one_or_more, repository_file, target, text_of, when_true};
use super::iam::{Request, allows};
use super::permissions::statements;
use super::{FUNCTION, QUEUE, ROLE, TABLE};

const BUCKET: &str = "AWS::S3::Bucket";

/// Where a resource of a type names the key that it is encrypted with. That of functions is among the globals.
const UNDER_THE_KEY: [(&str, &str); 7] = [
    (TABLE, "/SSESpecification/KMSMasterKeyId"),
    (QUEUE, "/KmsMasterKeyId"),
    ("AWS::Logs::LogGroup", "/KmsKeyId"),
    ("AWS::SecretsManager::Secret", "/KmsKeyId"),
    ("AWS::SNS::Topic", "/KmsMasterKeyId"),
    ("AWS::Events::EventBus", "/KmsKeyIdentifier"),
    (
        BUCKET,
        "/BucketEncryption/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault",
    ),
];

/// Types to which CloudFormation lets nobody give a key, as their schemas say.
const WITHOUT_A_KEY: [&str; 22] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::Rule",
    "AWS::IAM::Policy",
    ROLE,
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "Custom::UpvestKeys",
    "Custom::UpvestSubscription",
];

/// A property that is there while a condition holds, and not so much as named otherwise.
fn while_set(condition: &str, value: &Value) -> Value {
    json!({ "Fn::If": [condition, value, { "Ref": "AWS::NoValue" }] })
}

fn globals(template: &Template) -> &Value {
    &template.section("Globals")["Function"]
}

#[test]
fn every_role_has_the_boundary_and_the_path_that_were_asked_for_and_no_other() {
    let template = Template::read();
    for (name, role) in template.resources(ROLE) {
        let role = &role["Properties"];
        assert_eq!(
            role["PermissionsBoundary"],
            while_set(
                "HasPermissionsBoundary",
                &json!({ "Ref": "PermissionsBoundaryArn" })
            ),
            "{name}"
        );
        // An explicit root would replace the roles of stacks that are there.
        assert_eq!(
            role["Path"],
            while_set("HasRolePath", &json!({ "Ref": "RolePath" })),
            "{name}"
        );
        assert!(role.get("RoleName").is_none(), "{name}");
    }
    // SAM makes no role of its own, which would have neither.
    for (name, function) in template.resources(FUNCTION) {
        assert!(function["Properties"].get("Role").is_some(), "{name}");
    }
}

#[test]
fn all_that_can_be_encrypted_is_under_the_key_and_a_new_type_is_not_forgotten() {
    let template = Template::read();
    let key = json!({ "Ref": "KmsKeyArn" });
    for (name, resource) in template.section("Resources") {
        let kind = text_of(&resource["Type"]);
        if kind == FUNCTION || kind == "AWS::Serverless::Application" || WITHOUT_A_KEY.contains(&kind) {
            continue;
        }
        let place = UNDER_THE_KEY.iter().find(|(own, _)| *own == kind);
        let (_, pointer) = place.unwrap_or_else(|| panic!("{name}: can a {kind} be encrypted?"));
        let named = resource["Properties"].pointer(pointer);
        let wanted = match kind {
            BUCKET => json!({ "Fn::If": [
                "HasKmsKey",
                { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key },
                { "SSEAlgorithm": "AES256" }
            ] }),
            _ => while_set("HasKmsKey", &key),
        };
        assert_eq!(named, Some(&wanted), "{name}");
    }
    assert_eq!(globals(&template)["KmsKeyArn"], while_set("HasKmsKey", &key));
}

#[test]
fn what_lies_under_a_former_key_can_be_read_where_the_key_is_used_and_nothing_is_put_under_it() {
    let template = Template::read();
    let (key, former) = (
        json!({ "Ref": "KmsKeyArn" }),
        json!({ "Fn::Split": [",", { "Ref": "FormerKmsKeyArns" }] }),
    );
    for (role, _) in template.resources(ROLE) {
        let statements = statements(&template, role);
        let about = |resource: &Value| {
            let about = statements.iter().copied();
            about
                .filter(|statement| statement["Resource"] == *resource)
                .collect::<Vec<_>>()
        };
        let conditions = |about: &[&Value]| {
            let conditions = about.iter().map(|statement| statement["Condition"].clone());
            conditions.collect::<Vec<_>>()
        };
        assert!(!about(&former).is_empty(), "{role}");
        assert_eq!(conditions(&about(&former)), conditions(&about(&key)), "{role}");
        for statement in about(&former) {
            assert_eq!(statement["Action"], "kms:Decrypt", "{role}");
        }
    }
    // Also where the key was taken away, and there is none.
    let own = template
        .resources(ROLE)
        .map(|(_, role)| &role["Properties"]["Policies"][0]);
    let attached = template
        .resources("AWS::IAM::Policy")
        .map(|(_, policy)| &policy["Properties"]);
    let all = own
        .chain(attached)
        .flat_map(|policy| one_or_more(&policy["PolicyDocument"]["Statement"]));
    for statement in all.filter(|statement| when_true(statement)["Resource"] == former) {
        assert_eq!(*statement, while_set("HasFormerKmsKeys", when_true(statement)));
    }
}

#[test]
fn tables_and_buckets_say_what_kind_of_key_it_is() {
    let template = Template::read();
    for (name, table) in template.resources(TABLE) {
        let kind = &table["Properties"]["SSESpecification"]["SSEType"];
        assert_eq!(*kind, while_set("HasKmsKey", &json!("KMS")), "{name}");
    }
    for (name, bucket) in template.resources(BUCKET) {
        let encryption = &bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        // Without a key of the bucket's, each object would be a request to KMS.
        assert_eq!(
            encryption["BucketKeyEnabled"],
            while_set("HasKmsKey", &json!(true)),
            "{name}"
        );
    }
}

#[test]
fn nested_stacks_have_alarms_and_pictures_alone() {
    for path in ["infra/alarms.yaml", "infra/dashboard.yaml"] {
        let template = Template::read_file(path);
        for (name, resource) in template.section("Resources") {
            let kind = text_of(&resource["Type"]);
            assert!(kind.starts_with("AWS::CloudWatch::"), "{path}: {name}");
            assert!(WITHOUT_A_KEY.contains(&kind), "{path}: {name}");
        }
    }
}

#[test]
fn every_function_is_in_the_network_behind_the_proxy_and_under_the_signatures_that_were_asked_for() {
    let template = Template::read();
    let list = |name: &str| json!({ "Fn::Split": [",", { "Ref": name }] });
    let network = json!({
        "SubnetIds": list("VpcSubnetIds"),
        "SecurityGroupIds": list("VpcSecurityGroupIds"),
    });
    let globals = globals(&template);
    assert_eq!(globals["VpcConfig"], while_set("IsInVpc", &network));
    for (variable, parameter) in [("HTTPS_PROXY", "HttpsProxy"), ("NO_PROXY", "NoProxy")] {
        assert_eq!(
            globals["Environment"]["Variables"][variable],
            while_set("HasProxy", &json!({ "Ref": parameter })),
            "{variable}"
        );
    }
    let signatures = while_set("ChecksCode", &json!({ "Ref": "CodeSigningConfigArn" }));
    for (name, function) in template.resources(FUNCTION) {
        let function = &function["Properties"];
        for global in ["VpcConfig", "KmsKeyArn"] {
            assert!(function.get(global).is_none(), "{name} has a {global} of its own");
        }
        assert_eq!(function["CodeSigningConfigArn"], signatures, "{name}");
    }
}

#[test]
fn a_proxy_that_functions_could_not_use_is_refused_and_so_are_exceptions_that_except_nothing() {
    let template = Template::read();
    let parameters = template.section("Parameters");
    for (parameter, allowed, refused) in [
        (
            "HttpsProxy",
            [
                "",
                "http://proxy.example.com:3128",
                "https://10.1.2.3/",
                "http://[fd00::1]:3128",
                "http://proxy:65535",
            ],
            [
                "proxy.example.com:3128",
                "socks5://proxy:1080",
                "http://user:secret@proxy:3128",
                "http://proxy:port",
                "http://proxy:65536",
                "http://proxy:0",
                "http://proxy:3128/path",
                "http://:3128",
                "http://fd00::1",
                "http://pro xy:3128",
            ]
            .as_slice(),
        ),
        (
            "NoProxy",
            [
                "",
                "*",
                ".amazonaws.com",
                "localhost,10.0.0.0/8,.example.com",
                "db.example.com",
            ],
            ["*.amazonaws.com", ".example.com,*", "localhost, .example.com"].as_slice(),
        ),
    ] {
        let pattern = json!({ "pattern": parameters[parameter]["AllowedPattern"] });
        let pattern = jsonschema::validator_for(&pattern).expect("it is a schema");
        for value in allowed {
            assert!(pattern.is_valid(&json!(value)), "{parameter}={value}");
        }
        for value in refused {
            assert!(!pattern.is_valid(&json!(value)), "{parameter}={value}");
        }
    }
}

#[test]
fn concurrency_is_reserved_for_ingest_alone_and_where_that_is_asked_for() {
    let template = Template::read();
    let reserved = while_set("ReservesIngest", &json!({ "Ref": "IngestReservedConcurrency" }));
    for (name, function) in template.resources(FUNCTION) {
        let own = function["Properties"].get("ReservedConcurrentExecutions");
        assert_eq!(own, (name == "IngestFunction").then_some(&reserved), "{name}");
    }
    // 0 is an invocation of nothing, and so never what is reserved.
    let condition = &template.section("Conditions")["ReservesIngest"];
    let none = json!({ "Fn::Equals": [{ "Ref": "IngestReservedConcurrency" }, 0] });
    assert_eq!(*condition, json!({ "Fn::Not": [none] }));
}

/// The part of a text that `Fn::Select` chooses, once the text is put together for this secret.
fn selected(select: &Value, secret: &str) -> String {
    let chosen = &select["Fn::Select"];
    let (separator, text) = (&chosen[1]["Fn::Split"][0], &chosen[1]["Fn::Split"][1]["Fn::Sub"]);
    let text = text_of(text).replace("${UpvestSecret}", secret);
    let text = text.replace("${AWS::AccountId}", "123456789012");
    let index = chosen[0].as_u64().expect("a place") as usize;
    text.split(text_of(separator))
        .nth(index)
        .expect("a part")
        .to_owned()
}

#[test]
fn the_secret_is_read_by_its_name_or_by_its_arn() {
    let template = Template::read();
    let mut readers = 0;
    for (role, _) in template.resources(ROLE) {
        let statements = statements(&template, role).into_iter();
        for statement in statements.filter(|statement| statement["Sid"] == "ReadUpvestSecret") {
            let parts = &statement["Resource"]["Fn::Sub"][1];
            let of = |secret: &str| ["Account", "Name"].map(|part| selected(&parts[part], secret));
            assert_eq!(
                of("upvest/live"),
                ["123456789012", "upvest/live-??????"],
                "{role}"
            );
            let arn = "arn:aws:secretsmanager:eu-central-1:999999999999:secret:upvest/live-AbCdEf";
            assert_eq!(of(arn), ["999999999999", "upvest/live-AbCdEf"], "{role}");
            readers += 1;
        }
    }
    assert_eq!(readers, 3);
}

#[test]
fn every_bucket_logs_who_touched_it_under_the_stacks_name_and_its_own() {
    let template = Template::read();
    let mut prefixes = BTreeSet::new();
    for (name, bucket) in template.resources(BUCKET) {
        let logging = &bucket["Properties"]["LoggingConfiguration"]["Fn::If"];
        assert_eq!(logging[0], "LogsAccess", "{name}");
        assert_eq!(target(&logging[1]["DestinationBucketName"]), "AccessLogBucket");
        let prefix = text_of(&logging[1]["LogFilePrefix"]["Fn::Sub"]);
        assert!(prefix.starts_with("${AWS::StackName}/") && prefix.ends_with('/'));
        assert!(prefixes.insert(prefix), "{name} shares {prefix}");
    }
}

#[test]
fn no_log_group_is_of_a_class_that_takes_no_metrics_from_its_lines() {
    let template = Template::read();
    for (name, group) in template.resources("AWS::Logs::LogGroup") {
        let class = group["Properties"].get("LogGroupClass");
        assert!(class.is_none_or(|class| class == "STANDARD"), "{name}: {class:?}");
    }
}

#[test]
fn what_nobody_asked_for_is_not_there() {
    let template = Template::read();
    let groups = &template.section("Metadata")["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let of_a_platform = one_or_more(groups).into_iter().filter(|group| {
        ["Rules of your organisation", "Network"].contains(&text_of(&group["Label"]["default"]))
    });
    let names: Vec<&str> = of_a_platform
        .flat_map(|group| one_or_more(&group["Parameters"]))
        .map(text_of)
        .chain(["AccessLogBucket"])
        .filter(|name| *name != "NoProxy")
        .collect();
    assert_eq!(names.len(), 10);
    for name in names {
        assert_eq!(template.section("Parameters")[name]["Default"], "", "{name}");
    }
    assert_eq!(
        template.section("Parameters")["IngestReservedConcurrency"]["Default"],
        0
    );
}

#[test]
fn a_function_taken_over_attaches_to_no_network_and_uses_the_key_through_its_own_services_alone() {
    let template = Template::read();
    let via = |service: &str| {
        let service = format!("{service}.${{AWS::Region}}.amazonaws.com");
        Request::new("kms:Decrypt", "${KmsKeyArn}").with("kms:ViaService", &[&service])
    };
    for (role, _) in template.resources(ROLE) {
        let may = |request: &Request| allows(&statements(&template, role), request);
        let attach = Request::new("ec2:CreateNetworkInterface", "*");
        assert!(may(&attach), "{role}: Lambda attaches the function");
        // Lambda adds the key to the calls of the function's own code.
        let by_code = attach.with(
            "lambda:SourceFunctionArn",
            &["arn:aws:lambda:eu-central-1:1:function:f"],
        );
        assert!(!may(&by_code), "{role}");
        assert!(!may(&Request::new("kms:Decrypt", "${KmsKeyArn}")), "{role}");
        assert!(may(&via("lambda")), "{role}: Lambda decrypts the environment");
        for service in ["sqs", "dynamodb", "s3", "secretsmanager"] {
            let calls = statements(&template, role).into_iter();
            let mut actions = calls.flat_map(|statement| one_or_more(&statement["Action"]));
            let is_called = actions.any(|action| text_of(action).starts_with(service));
            assert_eq!(may(&via(service)), is_called, "{role}: {service}");
        }
    }
}

#[test]
fn the_boundary_among_the_examples_allows_what_the_functions_do_and_nothing_else() {
    let template = Template::read();
    let mut done = BTreeSet::new();
    for (role, _) in template.resources(ROLE) {
        let statements = statements(&template, role).into_iter();
        let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
        done.extend(
            allowing
                .flat_map(|statement| one_or_more(&statement["Action"]))
                .map(text_of),
        );
    }
    let boundary = as_written("infra/examples/permissions-boundary.json");
    let statements = one_or_more(&boundary["Statement"]).into_iter();
    let bounded = statements.flat_map(|statement| one_or_more(&statement["Action"]));
    let bounded: BTreeSet<&str> = bounded.map(text_of).collect();
    assert_eq!(bounded, done);
}

#[test]
fn the_boundary_among_the_examples_reaches_what_is_the_stacks_and_nothing_of_others() {
    let boundary = repository_file("infra/examples/permissions-boundary.json")
        .replace("UPVEST_SECRET", "upvest/live")
        .replace("PARTITION", "aws")
        .replace("STACK", "of-this");
    let boundary: Value = serde_json::from_str(&boundary).expect("the boundary is JSON");
    let statements = one_or_more(&boundary["Statement"]);
    let may = |request: &Request| allows(&statements, request);
    let of_a_stack = [
        (
            "logs:PutLogEvents",
            "logs:eu-central-1:1:log-group:STACK-IngestLogGroup-1:log-stream:x",
        ),
        ("sqs:SendMessage", "sqs:eu-central-1:1:STACK-DeliveriesQueue-1"),
        ("dynamodb:Scan", "dynamodb:eu-central-1:1:table/STACK-KeysTable-1"),
        ("s3:ListBucket", "s3:::STACK-archivebucket-1"),
        ("s3:GetObject", "s3:::STACK-archivebucket-1/verified/x"),
        (
            "secretsmanager:GetSecretValue",
            "secretsmanager:eu-central-1:1:secret:upvest-webhooks/STACK/hmac/key-AbCdEf",
        ),
        ("events:PutEvents", "events:eu-central-1:1:event-bus/STACK"),
    ];
    for (action, arn) in of_a_stack {
        let of = |stack: &str| Request::new(action, format!("arn:aws:{}", arn.replace("STACK", stack)));
        assert!(may(&of("of-this")), "{action} on {arn}");
        assert!(!may(&of("of-others")), "{action} on {arn}");
    }
    let secret = |name: &str| {
        let arn = format!("arn:aws:secretsmanager:eu-central-1:1:secret:{name}-AbCdEf");
        may(&Request::new("secretsmanager:GetSecretValue", arn))
    };
    assert!(secret("upvest/live") && secret("CanarySecret-Rf2yXq7vB1Zt") && !secret("salaries"));
    let key = Request::new("kms:Decrypt", "arn:aws:kms:eu-central-1:1:key/k");
    assert!(!may(&key));
    let via = |service: &str| may(&key.clone().with("kms:ViaService", &[service]));
    for service in ["sqs", "dynamodb", "s3", "secretsmanager", "lambda"] {
        assert!(via(&format!("{service}.eu-central-1.amazonaws.com")), "{service}");
    }
    assert!(!via("rds.eu-central-1.amazonaws.com"));
    let attach = Request::new("ec2:CreateNetworkInterface", "*");
    assert!(may(&attach), "Lambda attaches the function");
    assert!(!may(&attach.with(
        "lambda:SourceFunctionArn",
        &["arn:aws:lambda:eu-central-1:1:function:f"]
    )));
}

#[test]
fn the_key_policy_among_the_examples_names_each_service_that_uses_the_key_by_itself() {
    let policy = as_written("infra/examples/key-policy.json");
    let mut services = BTreeSet::new();
    for statement in one_or_more(&policy["Statement"]) {
        assert_eq!(statement["Effect"], "Allow");
        let service = statement["Principal"]["Service"].as_str();
        services.extend(service);
        // A service works for everybody: what it does for another account is none of ours.
        let condition = statement["Condition"].to_string();
        assert!(service.is_none() || condition.contains("ACCOUNT"), "{statement}");
    }
    // Logs, alarms and the bus have no role of ours; all others act for whoever calls them.
    assert_eq!(
        services,
        [
            "cloudwatch.amazonaws.com",
            "events.amazonaws.com",
            "logs.REGION.amazonaws.com"
        ]
        .into()
    );
    let template = Template::read();
    let groups = &one_or_more(&policy["Statement"])[1]["Condition"]["ArnLike"];
    let groups = groups["kms:EncryptionContext:aws:logs:arn"].to_string();
    for (name, group) in template.resources("AWS::Logs::LogGroup") {
        let prefix = match &group["Properties"]["LogGroupName"]["Fn::Sub"] {
            // CloudFormation's own names begin with the stack's.
            Value::Null => "log-group:STACK-*".to_owned(),
            fixed => {
                let folder = text_of(fixed).rsplit_once('/').expect("a path").0;
                format!("log-group:{}/*", folder.replace("${AWS::StackName}", "STACK"))
            }
        };
        assert!(groups.contains(&prefix), "{name}: {prefix}");
    }
}
