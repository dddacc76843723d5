//! What somebody could do who has taken a function over: each role tries it, and is refused.

use upvest::category::CATEGORIES;

use super::cloudformation::Template;
use super::iam::{Request, allows, denies};
use super::permissions::statements;
use super::{domains, stem};

const VERIFIED: &str = "${ArchiveBucket.Arn}/verified/2026/01/01/00/x";
const FORGED: &str = "${QuarantineBucket.Arn}/quarantine/digest-mismatch/2026/01/01/00/x";
const OTHERS_SECRET: &str =
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:payroll-AbCdEf";

fn on(action: &'static str, resource: &str) -> Request {
    Request::new(action, resource)
}

fn row(action: &'static str, table: &str, key: &str) -> Request {
    on(action, &format!("${{{table}.Arn}}")).with("dynamodb:LeadingKeys", &[key])
}

fn may(template: &Template, role: &str, request: &Request) -> bool {
    allows(&statements(template, role), request)
}

fn assert_refused(template: &Template, role: &str, requests: &[Request]) {
    for request in requests {
        assert!(!may(template, role, request), "{role} may {request:?}");
    }
}

#[test]
fn ingest_taken_over_can_send_deliveries_and_read_change_or_forge_nothing() {
    let template = Template::read();
    let role = "IngestRole";
    assert!(may(
        &template,
        role,
        &on("sqs:SendMessage", "${DeliveriesQueue.Arn}")
    ));
    assert_refused(
        &template,
        role,
        &[
            on("sqs:ReceiveMessage", "${DeliveriesQueue.Arn}"),
            on("sqs:DeleteMessage", "${DeliveriesQueue.Arn}"),
            on("sqs:SendMessage", "${OrdersQueue.Arn}"),
            on("s3:PutObject", VERIFIED),
            row("dynamodb:GetItem", "KeysTable", "k"),
            row("dynamodb:PutItem", "KeysTable", "k"),
            row("dynamodb:PutItem", "EventsTable", "e"),
            on("secretsmanager:GetSecretValue", OTHERS_SECRET),
        ],
    );
}

#[test]
fn verify_and_store_taken_over_changes_nothing_that_is_stored_and_widens_no_key() {
    let template = Template::read();
    let role = "VerifyAndStoreRole";
    let noting = row("dynamodb:UpdateItem", "KeysTable", "k");
    let used = noting
        .clone()
        .with("dynamodb:Attributes", &["key_id", "last_proved", "dialects"]);
    assert!(may(&template, role, &used));
    assert!(may(&template, role, &on("s3:PutObject", VERIFIED)));
    // Even what it may put, it may not put over what is there.
    let policy = template.properties("ArchiveBucketPolicy");
    let policy = super::cloudformation::one_or_more(&policy["PolicyDocument"]["Statement"]);
    assert!(denies(&policy, &on("s3:PutObject", VERIFIED)));
    assert_refused(
        &template,
        role,
        &[
            noting
                .clone()
                .with("dynamodb:Attributes", &["key_id", "jwk", "last_proved"]),
            noting.with("dynamodb:Attributes", &["key_id", "retired_at"]),
            row("dynamodb:PutItem", "KeysTable", "k"),
            row("dynamodb:DeleteItem", "KeysTable", "k"),
            row("dynamodb:PutItem", "EventsTable", "e"),
            row("dynamodb:PartiQLUpdate", "EventsTable", "e"),
            row("dynamodb:PartiQLDelete", "EventsTable", "e"),
            row("dynamodb:PutItem", "EntitiesTable", "ORDER#o1"),
            row("dynamodb:UpdateItem", "IdempotencyTable", "orders#e"),
            row("dynamodb:UpdateItem", "IdempotencyTable", "attempt#orders#e"),
            on("s3:GetObject", VERIFIED),
            on("s3:DeleteObject", VERIFIED),
            on("s3:DeleteObjectVersion", VERIFIED),
            on("s3:PutObject", "${ArchiveBucket.Arn}/elsewhere"),
            on("s3:DeleteObject", FORGED),
            on("sqs:SendMessage", "${DeliveriesQueue.Arn}"),
            on("sqs:DeleteMessage", "${DeliveriesDeadLetterQueue.Arn}"),
            on("secretsmanager:GetSecretValue", OTHERS_SECRET),
            on("events:PutEvents", "${EventBus.Arn}").with("events:detail-type", &["ORDER.FILLED"]),
        ],
    );
}

#[test]
fn refresh_keys_and_register_webhook_taken_over_forge_no_event_and_read_no_delivery() {
    let template = Template::read();
    for role in ["RefreshKeysRole", "RegisterWebhookRole"] {
        assert_refused(
            &template,
            role,
            &[
                on("s3:GetObject", VERIFIED),
                on("s3:PutObject", VERIFIED),
                on("s3:DeleteObject", FORGED),
                on("s3:GetObject", FORGED),
                on("sqs:SendMessage", "${OrdersQueue.Arn}"),
                on("sqs:ReceiveMessage", "${DeliveriesQueue.Arn}"),
                row("dynamodb:PutItem", "EventsTable", "e"),
                row("dynamodb:PutItem", "EntitiesTable", "ORDER#o1"),
                row("dynamodb:DeleteItem", "KeysTable", "k"),
                row("dynamodb:PutItem", "AuditTable", "o"),
                row("dynamodb:PartiQLUpdate", "AuditTable", "o"),
                row("dynamodb:Scan", "AuditTable", "o"),
                on("secretsmanager:GetSecretValue", OTHERS_SECRET),
                on("events:PutEvents", "${EventBus.Arn}").with("events:detail-type", &["ORDER.FILLED"]),
            ],
        );
    }
    let key = row("dynamodb:PutItem", "KeysTable", "k");
    assert!(may(&template, "RefreshKeysRole", &key));
    assert!(!may(&template, "RegisterWebhookRole", &key));
}

#[test]
fn the_canary_taken_over_reads_its_own_and_writes_no_key_of_upvests() {
    let template = Template::read();
    assert_refused(
        &template,
        "CanaryRole",
        &[
            row(
                "dynamodb:PutItem",
                "KeysTable",
                "0c6ab9b8-9b0c-4b6a-8a3e-3f1f0c1b6b9c",
            ),
            row("dynamodb:GetItem", "EventsTable", "e"),
            row("dynamodb:GetItem", "EntitiesTable", "ORDER#o1"),
            row("dynamodb:PutItem", "EntitiesTable", "ORDER#o1"),
            on("sqs:SendMessage", "${DeliveriesQueue.Arn}"),
            on("s3:PutObject", VERIFIED),
            on("secretsmanager:GetSecretValue", OTHERS_SECRET),
        ],
    );
}

#[test]
fn a_processor_taken_over_writes_and_tells_of_its_own_domain_alone() {
    let template = Template::read();
    for domain in domains().iter().filter(|domain| *domain != "Unrecognised") {
        let role = format!("{domain}Role");
        let name = super::functions::binary(template.properties(&format!("{domain}Function")));
        for category in CATEGORIES {
            let is_own = category.domain.name() == name;
            let key = format!("{}#1", category.entity);
            // Entities can be shared between categories of one domain, never between domains.
            let write = row("dynamodb:PutItem", "EntitiesTable", &key);
            assert_eq!(may(&template, &role, &write), is_own, "{role}: {key}");
            let told = format!("{}.CHANGED", category.name);
            let tell = on("events:PutEvents", "${EventBus.Arn}").with("events:detail-type", &[&told]);
            assert_eq!(may(&template, &role, &tell), is_own, "{role}: {told}");
        }
        let own = CATEGORIES.iter().find(|category| category.domain.name() == name);
        let own = format!("{}.CHANGED", own.expect("a domain has a category").name);
        assert_refused(
            &template,
            &role,
            &[
                // One entry of another domain spoils the request.
                on("events:PutEvents", "${EventBus.Arn}")
                    .with("events:detail-type", &[&own, "SPACESHIP.LAUNCHED"]),
                on("events:PutEvents", "${EventBus.Arn}"),
                row("dynamodb:PutItem", "IdempotencyTable", "elsewhere#e"),
                row("dynamodb:PutItem", "EventsTable", "e"),
                row("dynamodb:GetItem", "KeysTable", "k"),
                on("s3:GetObject", VERIFIED),
                on("sqs:SendMessage", "${DeliveriesQueue.Arn}"),
                on("sqs:SendMessage", "${UnrecognisedQueue.Arn}"),
                on("secretsmanager:GetSecretValue", OTHERS_SECRET),
            ],
        );
    }
}

#[test]
fn a_catch_all_taken_over_touches_nothing_that_a_domain_knows() {
    let template = Template::read();
    let role = "UnrecognisedRole";
    for category in CATEGORIES {
        let key = format!("{}#1", category.entity);
        let told = format!("{}.CHANGED", category.name);
        assert_refused(
            &template,
            role,
            &[
                row("dynamodb:PutItem", "EntitiesTable", &key),
                row("dynamodb:PartiQLUpdate", "EntitiesTable", &key),
                row("dynamodb:BatchGetItem", "EntitiesTable", &key),
                on("events:PutEvents", "${EventBus.Arn}").with("events:detail-type", &[&told]),
                // One entry of a category that somebody knows spoils the request.
                on("events:PutEvents", "${EventBus.Arn}")
                    .with("events:detail-type", &["SPACESHIP.LAUNCHED", category.name]),
            ],
        );
    }
    let own = row("dynamodb:PutItem", "EntitiesTable", "SPACESHIP#1");
    let told = on("events:PutEvents", "${EventBus.Arn}").with("events:detail-type", &["SPACESHIP.LAUNCHED"]);
    assert!(may(&template, role, &own) && may(&template, role, &told));
}

#[test]
fn every_function_is_among_those_that_were_tried() {
    let template = Template::read();
    let tried = [
        "Ingest",
        "VerifyAndStore",
        "RefreshKeys",
        "RegisterWebhook",
        "Canary",
    ];
    for (function, _) in template.resources(super::FUNCTION) {
        let name = stem(function);
        let is_domain = domains().iter().any(|domain| domain == name);
        assert!(is_domain || tried.contains(&name), "{function}");
    }
}
