//! Who may change the evidence: the archive's own policy, and the record of what operators did.

use serde_json::{Value, json};

use super::cloudformation::{Template, as_written, one_or_more, text_of};
use super::iam::{Request, denies};
use super::permissions::granted;

const DELIVERY: &str = "${ArchiveBucket.Arn}/verified/2026/01/01/00/019b76da-a800-72cb-8730-b2b2ae250000";
const ANYBODY: &str = "arn:aws:iam::123456789012:role/anybody";
const ERASURE: &str = "${ErasureRoleArn}";

fn policy(template: &Template) -> Vec<&Value> {
    let policy = template.properties("ArchiveBucketPolicy");
    one_or_more(&policy["PolicyDocument"]["Statement"])
}

fn asked(action: &'static str, by: &str) -> Request {
    Request::new(action, DELIVERY).with("aws:PrincipalArn", &[by])
}

#[test]
fn nobody_may_put_a_delivery_over_one_that_is_there() {
    let template = Template::read();
    for by in [ANYBODY, ERASURE] {
        let put = asked("s3:PutObject", by);
        assert!(denies(&policy(&template), &put), "{by}");
        let put_once = put.with("s3:if-none-match", &["*"]);
        assert!(!denies(&policy(&template), &put_once), "{by}");
    }
}

#[test]
fn nobody_but_the_role_for_erasure_may_delete_a_delivery_or_lift_its_lock() {
    let template = Template::read();
    for action in [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:BypassGovernanceRetention",
    ] {
        assert!(denies(&policy(&template), &asked(action, ANYBODY)), "{action}");
        assert!(!denies(&policy(&template), &asked(action, ERASURE)), "{action}");
    }
    let reading = asked("s3:GetObject", ANYBODY);
    assert!(!denies(&policy(&template), &reading));
    // Without such a role the condition goes, and with it the exception.
    let condition = &policy(&template)[2]["Condition"]["Fn::If"];
    assert_eq!(
        (&condition[0], &condition[2]),
        (&json!("HasErasureRole"), &json!({ "Ref": "AWS::NoValue" }))
    );
    assert_eq!(template.section("Parameters")["ErasureRoleArn"]["Default"], "");
}

#[test]
fn the_lock_is_in_the_mode_that_was_chosen_and_lifted_by_nobody_by_mistake() {
    let template = Template::read();
    let lock = &template.properties("ArchiveBucket")["ObjectLockConfiguration"]["Fn::If"];
    assert_eq!(lock[0], "LocksArchive");
    assert_eq!(
        lock[1]["Rule"]["DefaultRetention"],
        json!({ "Mode": { "Ref": "ArchiveLockMode" }, "Days": { "Ref": "ArchiveLockDays" } })
    );
    let parameters = template.section("Parameters");
    let mode = &parameters["ArchiveLockMode"];
    assert_eq!(mode["AllowedValues"], json!(["GOVERNANCE", "COMPLIANCE"]));
    // What is locked in compliance mode by mistake, nobody can unlock.
    assert_eq!(mode["Default"], "GOVERNANCE");
    let days = text_of(&parameters["ArchiveLockDays"]["Description"]);
    assert!(days.contains("one way"), "{days}");
}

#[test]
fn nobody_may_change_or_delete_what_the_audit_table_has() {
    // Of the functions one touches it, which says which keys become trusted; and it can say so only.
    let template = Template::read();
    let roles = template.resources("AWS::IAM::Role");
    for (name, role) in roles.chain(template.resources("AWS::IAM::Policy")) {
        assert_eq!(
            role.to_string().contains("AuditTable"),
            name == "RefreshKeysRole",
            "{name}"
        );
    }
    let granted = granted(&template, "RefreshKeysRole");
    let granted: Vec<_> = granted
        .iter()
        .filter(|(_, resource)| resource == "AuditTable")
        .collect();
    assert_eq!(
        granted,
        [&("dynamodb:PartiQLInsert".to_owned(), "AuditTable".to_owned())]
    );
    let writes = |name: &str| -> Vec<String> {
        let policy = as_written(&format!("infra/examples/operator-{name}.json"));
        let statements = one_or_more(&policy["Statement"]).into_iter();
        let about = statements.filter(|statement| statement["Resource"].to_string().contains("-AuditTable-"));
        let actions = about.flat_map(|statement| one_or_more(&statement["Action"]));
        let writing = actions.map(text_of).filter(|action| {
            let operation = action.trim_start_matches("dynamodb:");
            !["Get", "BatchGet", "Scan", "Query", "Describe"]
                .iter()
                .any(|reads| operation.starts_with(reads))
        });
        writing.map(str::to_owned).collect()
    };
    assert_eq!(writes("look"), [""; 0]);
    // An insert fails where there is an entry, whatever its client wants.
    assert_eq!(writes("repair"), ["dynamodb:PartiQLInsert"]);
    // Who restores a table that was lost puts rows, of this one too.
    assert_eq!(writes("restore"), ["dynamodb:PutItem"]);
}
