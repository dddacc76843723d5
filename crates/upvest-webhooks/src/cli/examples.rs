//! Holds the text below the help of the whole command line: examples, variables and exit statuses.

/// Shows commands by what they are for, and lists the environment variables and the exit statuses.
pub(super) const EXAMPLES: &str = "\
Examples:
  Deploy a release, and change a parameter of it later:
    upvest-webhooks --stack webhooks-sandbox deploy --release dist --parameters sandbox.json
    upvest-webhooks --stack webhooks-sandbox configure --set LogLevel=DEBUG

  Trust a key that Upvest published, in the stack `webhooks-live`:
    upvest-webhooks --stack webhooks-live keys import --jwk verify_keys.json --reason INC-42

  See the subscriptions at Upvest, and have one tested:
    upvest-webhooks --stack webhooks-live webhooks list
    upvest-webhooks --stack webhooks-live webhooks test a8eb3540-5a84-40f9-b2bb-7f99f282fc5a

  Deliver a file of events to the local stack, signed with the simulator's key:
    upvest-webhooks --local send events/samples/01-*.json --private-key .local/upvest-key.pem

  Repair what failed, once its cause is mended:
    upvest-webhooks --stack webhooks-live dlq redrive --queue orders --reason 'INC-42'
    upvest-webhooks --stack webhooks-live quarantine reverify --dry-run

  See what became of an order:
    upvest-webhooks --local entities show ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    upvest-webhooks --local events timeline ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4

  See why it is as it is, from the signed bytes to the actions that ran; watch what arrives:
    upvest-webhooks --stack webhooks-live explain ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4
    upvest-webhooks --stack webhooks-live tail

The stack is the first that is named, by:
  --local or --stack, --context, UPVEST_WEBHOOKS_CONTEXT, UPVEST_WEBHOOKS_LOCAL,
  UPVEST_WEBHOOKS_STACK
If none of these names one, it is that of the default context (`context use`), or the one on this
machine that .local/stack.json describes; where both are there, say --context or --local.

Environment:
  UPVEST_WEBHOOKS_STACK, UPVEST_WEBHOOKS_LOCAL    as --stack and --local, which win
  UPVEST_WEBHOOKS_CONTEXT                         as --context, which wins
  UPVEST_WEBHOOKS_CONFIG                          the file of contexts
  TZ                                              as for any program: TZ=UTC tells times in UTC
  KEYS_TABLE, EVENTS_TABLE, ENTITIES_TABLE, IDEMPOTENCY_TABLE, AUDIT_TABLE,
  SUBSCRIPTIONS_TABLE, ARCHIVE_BUCKET, QUARANTINE_BUCKET, PENDING_BUCKET, WEBHOOK_URL
                                                  what to work on where no stack is named; of
                                                  one that is, they must not differ
  UPVEST_CREDENTIALS, UPVEST_SECRET               as --upvest-credentials and --upvest-secret,
                                                  which win
  AWS_*                                           as for any AWS tool

Exit status: 0 done, 1 failed or not done whole, 2 wrong usage, 3 not there, 4 something is found to
be wrong, 5 not allowed, 6 cannot be reached. With --json an error is one line of JSON on standard
error (docs/json.md).";
