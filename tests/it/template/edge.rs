//! The front door: what may stand in front of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cloudformation::{Template, one_or_more, target, text_of, when_true};

#[test]
fn the_url_is_the_same_wherever_it_is_told() {
    let template = Template::read();
    let url = &template.section("Outputs")["WebhookUrl"]["Value"];
    for function in [
        "IngestFunction",
        "VerifyAndStoreFunction",
        "RegisterWebhookFunction",
        "CanaryFunction",
    ] {
        let variables = &template.properties(function)["Environment"]["Variables"];
        assert_eq!(variables["WEBHOOK_URL"], *url, "{function}");
    }
    assert_eq!(template.properties("UpvestSubscription")["Url"], *url);
    // First what stands in front of everything, then the API's own domain, then the API.
    let branches = &url["Fn::If"];
    assert_eq!(
        (&branches[0], &branches[1]),
        (&json!("HasPublicUrl"), &json!({ "Ref": "PublicUrl" }))
    );
    let own = &branches[2]["Fn::If"];
    assert_eq!(own[1]["Fn::Sub"], "https://${DomainName}${WebhookPath}");
}

#[test]
fn the_domain_leads_to_the_whole_api_and_asks_for_certificates_where_there_is_a_truststore() {
    let template = Template::read();
    let mapping = template.properties("ApiDomainMapping");
    assert_eq!(
        (target(&mapping["DomainName"]), target(&mapping["Stage"])),
        ("ApiDomain", "ApiStage")
    );
    // A key would be a part of the path that Upvest signs.
    assert!(mapping.get("ApiMappingKey").is_none());
    let domain = template.properties("ApiDomain");
    assert_eq!(domain["DomainNameConfigurations"][0]["SecurityPolicy"], "TLS_1_2");
    assert_eq!(
        domain["MutualTlsAuthentication"]["Fn::If"][0],
        "AsksForCertificates"
    );
    let trust = when_true(&domain["MutualTlsAuthentication"]);
    assert_eq!(trust["TruststoreUri"], json!({ "Ref": "TruststoreUri" }));
    let off = &template.properties("Api")["DisableExecuteApiEndpoint"]["Fn::If"];
    assert_eq!(
        (&off[0], &off[1]),
        (&json!("SwitchesExecuteApiOff"), &json!(true))
    );
    // Upvest tests a new subscription at once: the domain leads there before.
    for name in ["UpvestSubscription", "CanarySchedule"] {
        let needed = template.section("Resources")[name]["Metadata"]
            .as_object()
            .expect("it waits");
        let needed: BTreeSet<&str> = needed.values().map(|value| target(when_true(value))).collect();
        assert_eq!(
            needed,
            BTreeSet::from(["ApiDomainMapping", "ApiDomainRecord"]),
            "{name}"
        );
    }
}

#[test]
fn the_access_log_says_where_a_request_came_from() {
    let template = Template::read();
    let format = text_of(&template.properties("ApiStage")["AccessLogSettings"]["Format"]["Fn::Sub"]);
    let line: Value = serde_json::from_str(format).expect("a line of the access log is JSON");
    assert_eq!(line["sourceIp"], "$context.identity.sourceIp");
}

#[test]
fn a_budget_tells_whom_alarms_tell() {
    let template = Template::read();
    let budget = template.properties("Budget");
    assert_eq!(
        budget["Budget"]["BudgetLimit"]["Amount"],
        json!({ "Ref": "MonthlyBudget" })
    );
    let notifications = one_or_more(&budget["NotificationsWithSubscribers"]);
    assert_eq!(notifications.len(), 3);
    for notification in notifications {
        let told = one_or_more(&notification["Subscribers"]);
        let told: Vec<&str> = told
            .into_iter()
            .map(|told| target(&when_true(told)["Address"]))
            .collect();
        assert_eq!(told, ["AlarmEmail", "AlarmTopicArn"]);
    }
}
