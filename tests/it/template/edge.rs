//! The front door: what may stand in front of it, and which parameters cannot work together.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cloudformation::{Template, one_or_more, target, text_of, when_true};

/// The sentences by which the template refuses these parameters; all others have their defaults.
fn refusals(template: &Template, given: &[(&str, &str)]) -> Vec<String> {
    let rules = template.section("Rules").values();
    let broken = rules
        .filter(|rule| holds(template, given, &rule["RuleCondition"]))
        .flat_map(|rule| {
            let assertions = one_or_more(&rule["Assertions"]);
            assertions
                .into_iter()
                .filter(move |assertion| !holds(template, given, &assertion["Assert"]))
        });
    broken
        .map(|assertion| text_of(&assertion["AssertDescription"]).to_owned())
        .collect()
}

/// Evaluates a condition of a rule.
fn holds(template: &Template, given: &[(&str, &str)], condition: &Value) -> bool {
    let (function, arguments) = condition
        .as_object()
        .and_then(|members| members.iter().next())
        .expect("a function");
    let mut arguments = one_or_more(arguments).into_iter();
    match function.as_str() {
        "Fn::And" => arguments.all(|argument| holds(template, given, argument)),
        "Fn::Or" => arguments.any(|argument| holds(template, given, argument)),
        "Fn::Not" => !arguments.any(|argument| holds(template, given, argument)),
        "Fn::Equals" => {
            let texts: Vec<String> = arguments
                .map(|argument| value(template, given, argument))
                .collect();
            texts[0] == texts[1]
        }
        other => panic!("rules take no {other}"),
    }
}

fn value(template: &Template, given: &[(&str, &str)], argument: &Value) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(name) = argument["Ref"].as_str() else {
        return plain(argument);
    };
    let default = &template.section("Parameters")[name]["Default"];
    let own = given.iter().find(|(given, _)| *given == name);
    own.map_or_else(|| plain(default), |(_, value)| (*value).to_owned())
}

const DOMAIN: [(&str, &str); 2] = [
    ("DomainName", "hooks.example.com"),
    (
        "CertificateArn",
        "arn:aws:acm:eu-central-1:123456789012:certificate/a",
    ),
];
const TRUSTSTORE: (&str, &str) = ("TruststoreUri", "s3://bank-trust/upvest.pem");
const OFF: (&str, &str) = ("DisableExecuteApi", "true");

/// What an organisation's rules cannot ask for together, and how the sentence begins that says so.
const OF_AN_ORGANISATION: [(&[(&str, &str)], &str); 3] = [
    (
        &[("UpvestSecretKmsKeyArn", "arn:a")],
        "UpvestSecretKmsKeyArn is the key of",
    ),
    (&[("VpcSubnetIds", "subnet-0a")], "VpcSubnetIds needs"),
    (&[("VpcSecurityGroupIds", "sg-0a")], "VpcSecurityGroupIds says"),
];

#[test]
fn what_cannot_work_together_is_refused_with_a_sentence() {
    let template = Template::read();
    let [domain, certificate] = DOMAIN;
    let refused: [(&[(&str, &str)], &str); 14] = [
        (&[OFF], "DisableExecuteApi leaves nothing to call"),
        (&[domain], "DomainName needs CertificateArn"),
        (&[certificate], "CertificateArn, HostedZoneId and TruststoreUri"),
        (
            &[("HostedZoneId", "Z1")],
            "CertificateArn, HostedZoneId and TruststoreUri",
        ),
        (
            &[OFF, ("PublicUrl", "https://a/b"), TRUSTSTORE],
            "CertificateArn, HostedZoneId and TruststoreUri",
        ),
        (
            &[domain, certificate, TRUSTSTORE],
            "TruststoreUri needs DisableExecuteApi",
        ),
        (
            &[domain, certificate, TRUSTSTORE, OFF, ("CanaryMinutes", "5")],
            "The canary has no certificate",
        ),
        (
            &[domain, certificate, ("TruststoreVersion", "v1")],
            "TruststoreVersion and OwnershipCertificateArn",
        ),
        (
            &[domain, certificate, ("OwnershipCertificateArn", "arn:a")],
            "TruststoreVersion and OwnershipCertificateArn",
        ),
        (&[("MonthlyBudget", "100")], "MonthlyBudget tells nobody"),
        (&[("RetrieveReports", "true")], "RetrieveReports needs"),
        (
            &reject("upvest"),
            "The canary's requests come from addresses of AWS",
        ),
        (
            &reject("upvest-live"),
            "The canary's requests come from addresses of AWS",
        ),
        (
            &reject("192.0.2.0/24"),
            "The canary's requests come from addresses of AWS",
        ),
    ];
    let mut sentences = BTreeSet::new();
    for (given, beginning) in refused.into_iter().chain(OF_AN_ORGANISATION) {
        let told = refusals(&template, given);
        assert!(
            told.len() == 1 && told[0].starts_with(beginning),
            "{given:?}: {told:?}"
        );
        sentences.extend(told);
    }
    let rules = template.section("Rules").values();
    let all = rules.flat_map(|rule| one_or_more(&rule["Assertions"]));
    let all: BTreeSet<String> = all
        .map(|rule| text_of(&rule["AssertDescription"]).to_owned())
        .collect();
    assert_eq!(sentences, all, "each rule refuses something");
}

fn reject(addresses: &'static str) -> [(&'static str, &'static str); 3] {
    let policy = ("SourceAddressPolicy", "reject");
    [
        policy,
        ("AllowedSourceAddresses", addresses),
        ("CanaryMinutes", "5"),
    ]
}

#[test]
fn what_works_is_let_through() {
    let template = Template::read();
    let [domain, certificate] = DOMAIN;
    let works: [&[(&str, &str)]; 8] = [
        &[],
        &[domain, certificate, OFF, TRUSTSTORE, ("TruststoreVersion", "v1")],
        &[
            domain,
            certificate,
            ("HostedZoneId", "Z1"),
            ("CanaryMinutes", "5"),
        ],
        &[("PublicUrl", "https://edge.example.com/in/upvest"), OFF],
        &[
            domain,
            certificate,
            OFF,
            TRUSTSTORE,
            ("PublicUrl", "https://edge.example.com/a"),
            ("CanaryMinutes", "5"),
        ],
        &[
            ("UpvestSecret", "upvest/live"),
            ("UpvestSecretKmsKeyArn", "arn:a"),
            ("VpcSubnetIds", "subnet-0a"),
            ("VpcSecurityGroupIds", "sg-0a"),
            ("HttpsProxy", "http://proxy.example.com:3128"),
        ],
        &[("MonthlyBudget", "100"), ("AlarmEmail", "a@example.com")],
        &[
            ("MonthlyBudget", "100"),
            ("AlarmTopicArn", "arn:aws:sns:eu-central-1:123456789012:a"),
        ],
    ];
    for given in works {
        assert_eq!(refusals(&template, given), Vec::<String>::new(), "{given:?}");
    }
}

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
