//! The command lines that are run, in the order of the table of the documentation.

/// Lists the commands that look, in the order of the table.
pub(super) const LOOKING: [(&str, &str); 44] = [
    ("events show", "events show order-1"),
    ("events show", "events show topu"),
    ("events list", "events list --user u1 --since 1h"),
    ("events timeline", "events timeline ORDER#o1"),
    ("entities show", "entities show ORDER#o1"),
    ("entities list", "entities list --user u1"),
    ("entities list", "entities list --type order"),
    ("entities verify", "entities verify --domain orders"),
    (
        "entities rebuild --dry-run",
        "entities rebuild --domain orders --dry-run",
    ),
    ("explain", "explain ORDER#o1"),
    ("explain", "explain order-2"),
    ("explain", "explain o1"),
    ("tail", "tail --plain --since 10m --for 1s"),
    ("listen", "listen --print --json --since 10m --for 1s"),
    ("listen --raw", "listen --raw --print --json --since 10m --for 1s"),
    ("archive verify", "archive verify --since 1h"),
    ("archive resend --dry-run", "archive resend --since 1h --dry-run"),
    (
        "restore --dry-run",
        "restore events --from events-restored --dry-run",
    ),
    (
        "restore --dry-run",
        "restore idempotency --from idempotency-restored --dry-run",
    ),
    ("restore --dry-run", "restore keys --from keys-restored --dry-run"),
    (
        "restore --dry-run",
        "restore subscriptions --from subscriptions-restored --dry-run",
    ),
    (
        "restore --dry-run",
        "restore audit --from audit-restored --dry-run",
    ),
    ("quarantine list", "quarantine list"),
    ("quarantine show", "quarantine show $FORGED"),
    ("quarantine reverify --dry-run", "quarantine reverify --dry-run"),
    (
        "quarantine discard --dry-run",
        "quarantine discard $FORGED --dry-run",
    ),
    ("dlq list", "dlq list --messages"),
    ("dlq show", "dlq show $LETTER --queue orders"),
    ("dlq redrive --dry-run", "dlq redrive --queue orders --dry-run"),
    ("dlq discard --dry-run", "dlq discard $WAITING --dry-run"),
    ("dlq pending", "dlq pending"),
    ("dlq resend --dry-run", "dlq resend --dry-run"),
    ("drain --dry-run", "drain --dry-run"),
    ("audit list", "audit list"),
    ("audit show", "audit show $OPERATION"),
    ("replay --dry-run", "replay --domain orders --dry-run"),
    ("keys list", "keys list"),
    ("keys refresh --dry-run", "keys refresh --dry-run"),
    (
        "keys distrust --dry-run",
        "keys distrust $KEY --since 1h --dry-run",
    ),
    ("webhooks list", "webhooks list"),
    ("webhooks get", "webhooks get $SUBSCRIPTION"),
    ("reconcile", "reconcile orders --grace 0"),
    ("policy", "policy look"),
    ("doctor", "doctor"),
];

/// Lists the commands that change something.
pub(super) const REPAIRING: [(&str, &str); 26] = [
    (
        "quarantine discard",
        "quarantine discard $FORGED --reason r --yes",
    ),
    (
        "quarantine reverify",
        "quarantine reverify --wait 1 --reason r --yes",
    ),
    ("entities rebuild", "entities rebuild ORDER#o1 --reason r --yes"),
    ("dlq discard", "dlq discard $WAITING --reason r --yes"),
    ("dlq redrive", "dlq redrive --queue orders --reason r --yes"),
    ("dlq resend", "dlq resend --reason r --yes"),
    ("replay", "replay --domain orders --reason r --yes"),
    ("replay", "replay --since 1h --reason r --yes"),
    ("archive resend", "archive resend --since 1h --reason r --yes"),
    ("drain", "drain --wait 0 --reason r --yes"),
    ("drain --resume", "drain --resume --reason r --yes"),
    ("keys refresh", "keys refresh --reason r"),
    ("keys import", "keys import --jwk $JWK --reason r"),
    ("keys import", "keys import --jwk $JWK --reason r"),
    (
        "keys import",
        "keys import --key-id smoke --hmac-secret-file $SECRET --reason r",
    ),
    (
        "keys import",
        "keys import --key-id smoke --hmac-secret-file $OTHER --replace --reason r",
    ),
    ("keys distrust", "keys distrust nine --reason r --yes"),
    ("keys trust", "keys trust nine --reason r --yes"),
    (
        "reconcile --repair",
        "reconcile --entity ORDER#o3 --grace 0 --repair --yes --key-id smoke --key-file $OTHER --reason r",
    ),
    (
        "doctor --probe-key",
        "doctor --probe-key $OTHER --probe-key-id smoke",
    ),
    ("trigger", "trigger ORDER.NEW --wait 1ms"),
    ("trigger", "trigger ORDER.NEW --wait 1ms"),
    ("webhooks enable", "webhooks enable $SUBSCRIPTION"),
    ("webhooks update", "webhooks update $SUBSCRIPTION --title Other"),
    ("webhooks test", "webhooks test $SUBSCRIPTION"),
    ("webhooks delete", "webhooks delete $SUBSCRIPTION --yes"),
];

/// Lists the commands that put rows back which only the stack itself writes.
pub(super) const RESTORING: [(&str, &str); 5] = [
    (
        "restore",
        "restore events --from events-restored --reason r --yes",
    ),
    (
        "restore",
        "restore idempotency --from idempotency-restored --reason r --yes",
    ),
    ("restore", "restore keys --from keys-restored --reason r --yes"),
    (
        "restore",
        "restore subscriptions --from subscriptions-restored --reason r --yes",
    ),
    ("restore", "restore audit --from audit-restored --reason r --yes"),
];
