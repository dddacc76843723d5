//! The rules of the template: which parameters cannot work together, and which are let through.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cloudformation::{Template, one_or_more, text_of};

/// Lists the sentences by which the template refuses these parameters; all others have their defaults.
pub(super) fn refusals(template: &Template, given: &[(&str, &str)]) -> Vec<String> {
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

/// What an organisation's rules cannot ask for together, or would be without effect; and how the sentence begins that says so.
const ALONE: [(&[(&str, &str)], &str); 7] = [
    (
        &[("UpvestSecretKmsKeyArn", "arn:a")],
        "UpvestSecretKmsKeyArn is the key of",
    ),
    (&[("VpcSubnetIds", "subnet-0a")], "VpcSubnetIds needs"),
    (&[("VpcSecurityGroupIds", "sg-0a")], "VpcSecurityGroupIds says"),
    (
        &[("SourceAddressPolicy", "strict")],
        "SourceAddressPolicy=strict refuses nobody",
    ),
    (
        &[("SubscriptionPolicy", "strict")],
        "SubscriptionPolicy=strict needs",
    ),
    (
        &[
            ("ExcludedWebhookCategories", "ORDER"),
            ("WebhookCategories", "USER,ACCOUNT"),
        ],
        "ExcludedWebhookCategories only works with",
    ),
    (
        &[("CreateEventBus", "true"), ("EventBusName", "changes")],
        "CreateEventBus makes the bus",
    ),
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
            &strict_about("upvest"),
            "The canary's requests come from addresses of AWS",
        ),
        (
            &strict_about("upvest-live"),
            "The canary's requests come from addresses of AWS",
        ),
        (
            &strict_about("192.0.2.0/24"),
            "The canary's requests come from addresses of AWS",
        ),
    ];
    let mut sentences = BTreeSet::new();
    for (given, beginning) in refused.into_iter().chain(ALONE) {
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

fn strict_about(addresses: &'static str) -> [(&'static str, &'static str); 3] {
    let policy = ("SourceAddressPolicy", "strict");
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
    let works: [&[(&str, &str)]; 12] = [
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
        &[
            ("SourceAddressPolicy", "strict"),
            ("AllowedSourceAddresses", "upvest-live"),
        ],
        &[("SubscriptionPolicy", "strict"), ("UpvestSecret", "upvest/live")],
        &[("ExcludedWebhookCategories", "ORDER")],
        &[("EventBusName", "changes")],
    ];
    for given in works {
        assert_eq!(refusals(&template, given), Vec::<String>::new(), "{given:?}");
    }
}
