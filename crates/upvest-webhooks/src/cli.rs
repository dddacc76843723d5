//! The command line's grammar.

mod examples;
mod run;

use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use jiff::tz::TimeZone;
use operator::{Progress, Reporter, Result, StackFinder};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{Lookup, environment};

use crate::arguments::StackArgs;
use crate::commands::{
    archive, audit, configure, context, cost, deploy, dlq, doctor, drain, entities, events, explain, keys,
    listen, policy, quarantine, reconcile, replay, restore, send, shell, spec, tail, trigger, webhooks,
};
use crate::contexts;
use crate::output::{Answer, Page, terminal_width};
use crate::terminal::Screen;
use crate::times::tell_in;

use examples::EXAMPLES;

/// Operates a receiver of Upvest's webhooks: subscriptions, keys, test deliveries, events and entities
#[derive(Debug, Parser)]
#[command(
    version = version(),
    after_help = EXAMPLES,
    max_term_width = 110,
    // Else `--local keys list` would take `keys` for the file that `--local` may name.
    subcommand_precedence_over_arg = true,
    propagate_version = true
)]
pub struct Cli {
    #[command(flatten)]
    stack: StackArgs,
    /// Print one JSON document instead of tables
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    /// Lay text out for so many columns instead of those of the terminal
    #[arg(long, value_name = "COLUMNS", global = true, help_heading = "Global options")]
    width: Option<usize>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage the subscriptions at Upvest, which it calls webhooks
    #[command(subcommand_precedence_over_arg = true)]
    Webhooks(Box<webhooks::Webhooks>),
    /// Fetch, import and list the keys by which deliveries are verified
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Keys(keys::Command),
    /// Sign deliveries and post them: single ones, or a load
    ///
    /// They are posted to the stack's URL unless --url names another. Without --batch each file is one delivery: a
    /// whole body {"payload": [...]} goes byte for byte, events are put into such a body. A new event id makes an
    /// event new to the receiver (--fresh-ids); without it, what was sent before is a duplicate.
    Send(Box<send::Arguments>),
    /// Post made-up events to a local or sandbox stack, and follow them to their states
    ///
    /// They are samples that come with this program, with new ids and of now, signed with a key that the stack has for
    /// developers. They take the way of Upvest's: API Gateway, ingest, verification, log, domain queue, state, your actions, the
    /// bus. A live stack takes no such events, and is posted none.
    Trigger(Box<trigger::Arguments>),
    /// Look into the event log: by time, by entity, or one event
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Events(events::Command),
    /// Look at the current state of entities, and rebuild it from the event log
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Entities(entities::Command),
    /// Explain a state or an event: back to the signed bytes, forward to its actions
    ///
    /// Folds the entity's state again from the log, reads the archived delivery of each event, verifies its signature
    /// with the key of the keys table, compares the log with the signed bytes, and reads the records of the actions
    /// that ran, for the event itself and for replays of it. It changes nothing.
    ///
    /// The verdict comes first, with all that does not hold (the exit status is 4 then); below it is a line for each event, and
    /// with -v a line for each step. A mark says what a line is worth: ✓ was checked and holds, ✗ was checked and does not hold,
    /// ? cannot be known for certain; lines without a mark are only told. Whether a change was published is recorded nowhere:
    /// that line says what follows from the records, and why.
    ///
    /// Example: upvest-webhooks explain 'ORDER#9fc8c651-1a1d-47c4-b0c2-1f724601ecf4'
    Explain(explain::Arguments),
    /// Watch deliveries and their events as they are verified
    ///
    /// On a terminal it is a screen with a filter and details; elsewhere, with --plain or --json, it prints lines. It
    /// reads the archive again and again, so that it works with a local stack as with one in AWS, and disturbs nothing.
    ///
    /// Example: upvest-webhooks tail --since 10m --category ORDER --state
    Tail(tail::Arguments),
    /// Post verified events to a program on this machine, as they come
    ///
    /// Your own program sees what the event bus would bring it, while you write it: from a local stack, or from one in AWS without
    /// a port, a bus or a rule. It reads the archive and the log as `tail` does, and takes the policy to look.
    Listen(Box<listen::Arguments>),
    /// Check the archive of signed deliveries, and send again what the log lacks
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Archive(archive::Command),
    /// Send events of the log to the domain queues again, to bring state back
    Replay(Box<replay::Arguments>),
    /// See what could not be proven or understood, and verify it again
    ///
    /// A delivery is in quarantine when its signature or digest did not hold, or its body is no batch of events; of a good
    /// delivery, single events are when they cannot be understood. Nothing in quarantine was acted on, nothing waits for it,
    /// and Upvest does not send it again. It is kept for as long as the stack's parameter `QuarantineDays` says.
    ///
    /// First `list`, and `show` one of each reason. Mend the cause: a wrong key, a proxy that changes bodies, a version
    /// that is too old. Then `reverify --dry-run`, and `reverify`. What Upvest did not send, `discard`.
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Quarantine(quarantine::Command),
    /// See what could not be processed, and send it back or discard it
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Dlq(dlq::Command),
    /// Stop deliveries in front of the stack, and wait until all that is in it has run out
    ///
    /// Before a stack is deleted, or before work on it. Ingest gets a reserved concurrency of 0, so that Upvest is not
    /// answered 200: it keeps the delivery and all behind it, and sends them again until --resume. Nothing is lost by that, and
    /// alarms ring. The command waits until all queues look empty for a minute, and says what is left: there, in dead-letter
    /// queues, and pending. Interrupted, or when time is over, deliveries stay stopped; run it again.
    ///
    /// Exit status: 0 when nothing is left anywhere, 4 when something is, 1 when a failure ended it early.
    ///
    /// Example: upvest-webhooks drain --reason "the stack moves to another account"
    Drain(Box<drain::Arguments>),
    /// Put rows of a restored copy of a table back into the stack's own table
    ///
    /// Point-in-time recovery makes a table of another name, which no function uses. Rows that the stack's table has not are put
    /// back, while everything runs. A row that is there stays, for it is the newer one; an event never changes, so that one
    /// which differs can be put back too (--overwrite). Records of attempts are left out.
    ///
    /// First --dry-run. Then send again what was received after the time of the copy: `archive resend`. States are not copied,
    /// but folded again from the log: `entities rebuild`.
    ///
    /// Example: upvest-webhooks restore events --from webhooks-live-EventsTable-1ABC-restored --reason INC-42
    Restore(Box<restore::Arguments>),
    /// See what operators did, and why
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Audit(audit::Command),
    /// Deploy a release: check, show what would change, ask, and follow CloudFormation to its end
    ///
    /// It takes no Rust, no SAM and no AWS CLI, but a folder of `make release`, or its archive behind a URL. All that can be
    /// checked is checked first: the release's checksums, names and values of parameters, ARNs, the secret with Upvest's
    /// credentials, the account's concurrent executions, the state of the stack. Then the files that the bucket does not have
    /// are uploaded, and a change set is shown in words. A table, bucket or queue is not replaced without
    /// --allow-replacement.
    ///
    /// It can be run again after any end. Interrupted before you agreed, it has changed nothing of the stack; after that,
    /// AWS goes on by itself, and `doctor` tells how it ended.
    ///
    /// Example: upvest-webhooks --stack webhooks-sandbox deploy --release dist --parameters sandbox.json
    Deploy(Box<deploy::Arguments>),
    /// Give parameters of a stack that runs other values, without a release; or list them
    ///
    /// All others keep theirs. What would change is shown in words first, as by `deploy`. The stack is to have been deployed
    /// from a release, whose template is used again.
    ///
    /// Example: upvest-webhooks --stack webhooks-live configure --set LogLevel=DEBUG
    Configure(Box<configure::Arguments>),
    /// Check a deployed stack and its subscription at Upvest, and say what to do about what is wrong
    ///
    /// Looks at the URL (name, certificate, redirects, answers), the subscription, verification keys, API credentials,
    /// clocks, version, functions with their queues and schedules, tables, archive, quarantine, event bus and alarms,
    /// all at once. It changes nothing; the two requests that it makes to the URL are answered 405 and 401, and ring no
    /// alarm unless it runs more often than once an hour. Whether a signed delivery is answered with exactly 200 takes
    /// a key of yours (--probe-key).
    Doctor(Box<doctor::Arguments>),
    /// Write the policy of IAM for those who look at this stack, or repair it
    ///
    /// It names the stack's own ARNs, so that it allows nothing of another stack, and has what the commands call and nothing else.
    /// docs/operations.md lists the calls of each command.
    ///
    /// Example: upvest-webhooks --stack webhooks-live policy look > look.json
    Policy(policy::Arguments),
    /// Compare the current state of entities with what Upvest's API says, and tell the stack what it missed
    ///
    /// Finds what is missing, stale, diverged or extra, and changes nothing without --repair. A repair never writes
    /// state: it posts an event for each difference to the stack's URL, as Upvest would have, signed with a key of yours
    /// and marked (`reconciled`). A real event that is newer wins over it. Run it again after an interruption.
    Reconcile(Box<reconcile::Arguments>),
    /// Compare Upvest's specification with what this program knows of Upvest's events
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Spec(spec::Command),
    /// Reckon what a receiver costs in a month, by the requests that it makes for an event
    ///
    /// It needs no stack and asks nobody: the counts are those of this version, the prices are list prices, of us-east-1
    /// unless --region names another.
    ///
    /// Example: upvest-webhooks cost --events-per-day 100000 --per-delivery 10
    Cost(cost::Arguments),
    /// Name stacks, with region, AWS profile and environment of Upvest, by one word each
    ///
    /// The names stand in `~/.config/upvest-webhooks/config.toml` (`XDG_CONFIG_HOME` and `UPVEST_WEBHOOKS_CONFIG` lead elsewhere),
    /// which holds no secret, and which you may write yourself. `--context NAME` uses one, and so does the variable
    /// `UPVEST_WEBHOOKS_CONTEXT`; the one that `context use` chose is used where nothing names a stack.
    ///
    /// Example: upvest-webhooks context set live --stack webhooks-live --profile operator --environment live
    #[command(subcommand, subcommand_precedence_over_arg = true)]
    Context(context::Command),
    /// Print a completion script for a shell
    ///
    /// The shell asks this program for what comes next: types, domains, queues, reasons and your contexts. AWS is not asked.
    ///
    /// For bash: upvest-webhooks completions bash > ~/.local/share/bash-completion/completions/upvest-webhooks
    Completions {
        /// Shell that the script is for
        shell: Shell,
    },
    /// Write a man page for every command
    ///
    /// Example: upvest-webhooks man ~/.local/share/man/man1
    Man(shell::Manual),
}

/// Gives the version, with the commit where the build was told it (`make install` tells).
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match option_env!("UPVEST_WEBHOOKS_COMMIT") {
            Some(commit) => format!("{version} ({commit})"),
            None => version.to_owned(),
        }
    });
    &VERSION
}

impl Cli {
    /// Tells whether the result is to be one JSON document, and an error one too.
    #[must_use]
    pub fn prints_json(&self) -> bool {
        self.json
    }

    /// Finds the stack that the command is about and runs the command; gives what is to be printed.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) when there is no such stack, or the command cannot be done.
    pub async fn run(self) -> Result<Answer> {
        let clock = Clock::system();
        tell_in(TimeZone::system().to_offset(clock.now()));
        let screen = Screen::default();
        let report = |progress: Progress<'_>| screen.show(progress);
        let (variables, reporter) = (Lookup::new(&environment), Reporter::new(&report));
        let stacks = match self.command.takes_stack() {
            true => contexts::finder(self.stack, variables, reporter)?,
            // A file of contexts that is not as it should be must not keep from mending it.
            false => StackFinder::new(self.stack.into(), variables, reporter),
        };
        let stacks = stacks.at(clock.clone());
        let page = Page {
            is_json: self.json,
            width: self.width.or_else(terminal_width),
        };
        // Boxed: the futures of all commands in each other are deeper than the compiler looks into callers.
        Box::pin(self.command.run(&stacks, &clock, page)).await
    }

    /// Runs the command on a stack that was found, at the time of a clock; gives what is to be printed.
    ///
    /// # Errors
    ///
    /// [`Error`](operator::Error) when the command cannot be done.
    pub async fn run_on(self, stacks: &StackFinder<'_>, clock: &Clock) -> Result<Answer> {
        let page = Page {
            is_json: self.json,
            width: self.width,
        };
        Box::pin(self.command.run(stacks, clock, page)).await
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use operator::StackChoice;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
        let words = std::iter::once("upvest-webhooks").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_local_stack_without_a_file_is_the_one_of_make_run() {
        for line in ["--local keys list", "keys --local list", "keys list --local"] {
            let choice = StackChoice::from(parse(line).unwrap().stack);
            assert_eq!(choice.local, Some(".local/stack.json".into()), "{line}");
        }
        let choice = StackChoice::from(parse("--local other.json keys list").unwrap().stack);
        assert_eq!(choice.local, Some("other.json".into()));
    }

    #[test]
    fn a_stack_is_named_or_local_and_not_both() {
        use clap::error::ErrorKind::ArgumentConflict;
        assert_eq!(
            parse("--stack s --local keys list").unwrap_err(),
            ArgumentConflict
        );
    }

    #[test]
    fn importing_takes_exactly_one_key_file() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        let import = "keys import --reason r";
        assert!(parse(&format!("{import} --key-id k --jwk f")).is_ok());
        assert!(parse(&format!("{import} --jwk f")).is_ok());
        assert!(parse(&format!("{import} --key-id k --hmac-secret-file f")).is_ok());
        assert_eq!(parse(import).unwrap_err(), MissingRequiredArgument);
        assert_eq!(parse("keys import --jwk f").unwrap_err(), MissingRequiredArgument);
        assert_eq!(
            parse(&format!("{import} --hmac-secret-file f")).unwrap_err(),
            MissingRequiredArgument
        );
        assert_eq!(
            parse(&format!("{import} --key-id k --jwk f --hmac-secret-file f")).unwrap_err(),
            ArgumentConflict
        );
    }

    #[test]
    fn an_environment_is_upvests_and_a_profile_is_awss() {
        assert!(parse("webhooks list --environment live").is_ok());
        assert!(parse("webhooks --environment sandbox list").is_ok());
        assert!(parse("keys refresh --environment sandbox --dry-run").is_ok());
        assert!(parse("keys import --environment sandbox --jwk f").is_err());
        assert!(parse("webhooks list --environment upvest-v6").is_err());
        let choice = StackChoice::from(
            parse("webhooks list --profile work --environment live")
                .unwrap()
                .stack,
        );
        assert_eq!(choice.aws_profile.as_deref(), Some("work"));
    }

    #[test]
    fn credentials_come_from_one_place() {
        use clap::error::ErrorKind::ArgumentConflict;
        let line = "webhooks list --upvest-secret s --upvest-credentials f";
        assert_eq!(parse(line).unwrap_err(), ArgumentConflict);
    }

    #[test]
    fn batching_keeps_to_the_limits_of_upvest() {
        assert!(parse("webhooks create --delay 30s --max-package-size 1048576").is_ok());
        for wrong in ["--delay 31s", "--delay 5", "--delay 1m", "--max-package-size 99"] {
            assert!(parse(&format!("webhooks create {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_update_needs_something_to_change() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        assert!(parse("webhooks update w --title T").is_ok());
        assert_eq!(parse("webhooks update w").unwrap_err(), MissingRequiredArgument);
        assert_eq!(
            parse("webhooks update w --exclude USER --exclude-nothing").unwrap_err(),
            ArgumentConflict
        );
    }

    #[test]
    fn sending_needs_something_to_send_and_a_key() {
        use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
        assert!(parse("send - --test-key").is_ok());
        assert!(parse("send --generate 10 --test-key --cover @method,@path,digest").is_ok());
        assert!(parse("send --deliveries 10 --test-key").is_ok());
        assert_eq!(parse("send --test-key").unwrap_err(), MissingRequiredArgument);
        assert_eq!(parse("send f").unwrap_err(), MissingRequiredArgument);
        assert_eq!(
            parse("send f --test-key --private-key k").unwrap_err(),
            ArgumentConflict
        );
    }
}
