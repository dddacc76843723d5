//! Every parameter of the template with a value of its own, as far as one stack can have them all.

use std::collections::BTreeSet;

use super::account::Account;
use crate::template::cloudformation::Template;

/// Names the parameters that a local stack sets by itself, because it differs from AWS.
const OF_THE_MACHINE: [&str; 5] = [
    "Architecture",
    "CertificateBundle",
    "DeletionProtection",
    "Environment",
    "PublicUrl",
];

/// Values that need nothing of the account. `EventBusName` is empty, because `CreateEventBus` excludes another bus; and the path
/// is the default's, which a local stack has deliveries come to.
const PLAIN: [(&str, &str); 54] = [
    ("WebhookPath", "/webhooks/upvest"),
    ("ThrottlingRateLimit", "100"),
    ("ThrottlingBurstLimit", "300"),
    ("AllowedSourceAddresses", "127.0.0.1/32"),
    ("SourceAddressPolicy", "flag"),
    ("DomainName", "everything.example.com"),
    (
        "CertificateArn",
        "arn:aws:acm:eu-central-1:000000000000:certificate/a",
    ),
    ("TruststoreUri", "s3://trust-of-the-bank/upvest.pem"),
    ("TruststoreVersion", "v1"),
    (
        "OwnershipCertificateArn",
        "arn:aws:acm:eu-central-1:000000000000:certificate/b",
    ),
    ("DisableExecuteApi", "true"),
    ("FreshnessPolicy", "strict"),
    ("SubscriptionPolicy", "strict"),
    ("UpvestSecret", super::super::upvest::SECRET),
    ("KeysRefreshMinutes", "30"),
    ("StaleKeysHours", "12"),
    ("WebhookTitle", "Of a release"),
    ("WebhookCategories", "ALL"),
    ("ExcludedWebhookCategories", "TAX_COLLECTION"),
    ("WebhookDelay", "2s"),
    ("WebhookMaxPackageSize", "100000"),
    ("KeepSubscription", "false"),
    ("SubscriptionCheckMinutes", "30"),
    ("CreateEventBus", "true"),
    ("EventBusName", ""),
    ("ActionRecordDays", "120"),
    ("RetrieveReports", "true"),
    ("TreasuryReportsFolder", "reports"),
    ("IngestMemorySize", "512"),
    ("VerifyMemorySize", "1024"),
    ("ProcessorMemorySize", "512"),
    ("IngestReservedConcurrency", "50"),
    ("VerifyMaximumConcurrency", "5"),
    ("ProcessorMaximumConcurrency", "4"),
    ("PointInTimeRecoveryDays", "7"),
    ("ArchiveLockDays", "1"),
    ("ArchiveLockMode", "GOVERNANCE"),
    ("QuarantineDays", "10"),
    ("LogRetentionDays", "365"),
    ("RolePath", "/upvest-webhooks/"),
    (
        "CodeSigningConfigArn",
        "arn:aws:lambda:eu-central-1:000000000000:code-signing-config:csc-0123456789abcdef0",
    ),
    ("VpcSubnetIds", "subnet-0a1b2c3d,subnet-0d3c2b1a"),
    ("VpcSecurityGroupIds", "sg-0a1b2c3d"),
    // What is asked of Upvest and of AWS goes to this machine, without TLS, and so past it.
    ("HttpsProxy", "http://proxy.example.com:3128"),
    ("NoProxy", ".amazonaws.com,.example.com"),
    ("CanaryMinutes", "60"),
    ("AlarmEmail", "operators@example.com"),
    ("MonthlyBudget", "100"),
    ("BudgetScope", "stack"),
    ("RunbookUrl", "https://wiki.example.com/alarms"),
    ("SilenceHours", "24"),
    ("Observability", "full"),
    ("Tracing", "Active"),
    ("LogLevel", "DEBUG"),
];

/// A key, which the emulator does not look for.
const KEY: &str = "arn:aws:kms:eu-central-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Two other ones, which the stack never had.
const FORMER_KEYS: &str = "arn:aws:kms:eu-central-1:000000000000:key/2234abcd-12ab-34cd-56ef-1234567890ab,\
    arn:aws:kms:eu-central-1:000000000000:key/3234abcd-12ab-34cd-56ef-1234567890ab";

/// Lists all parameters but those of the machine, each written `Name=value`. `thumbprint` is that of the key that Upvest
/// signs with.
pub(super) fn every(account: &Account, thumbprint: &str) -> Vec<String> {
    let of_the_account: [(&str, &str); 10] = [
        ("PinnedKeys", thumbprint),
        ("HostedZoneId", &account.zone),
        ("AccessLogBucket", &account.access_logs),
        ("ErasureRoleArn", &account.other_role),
        ("PermissionsBoundaryArn", &account.boundary),
        ("KmsKeyArn", KEY),
        ("FormerKmsKeyArns", FORMER_KEYS),
        ("UpvestSecretKmsKeyArn", KEY),
        ("AlarmTopicArn", &account.topic),
        ("PagingTopicArn", &account.topic),
    ];
    let all: Vec<(&str, &str)> = PLAIN.into_iter().chain(of_the_account).collect();
    let template = Template::read();
    let known = template.section("Parameters").keys().map(String::as_str);
    let known: BTreeSet<&str> = known.filter(|name| !OF_THE_MACHINE.contains(name)).collect();
    let given: BTreeSet<&str> = all.iter().map(|(name, _)| *name).collect();
    assert_eq!(given, known, "a parameter is not set");
    all.iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}
