//! `context`: stacks by names of the operator's own.

use clap::Subcommand;
use operator::{Error, Result, StackChoice, StackFinder};
use serde::Serialize;
use upvest_api::Environment;

use crate::arguments::environment;
use crate::contexts::{Context, Contexts};
use crate::output::{Report, facts, rows_of, told};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the contexts; the default one has a mark
    List,
    /// Show what a context says
    Show {
        /// The name of the context; without it, the default one
        name: Option<String>,
    },
    /// Make a context, or have one say something else: with --stack, --region, --profile, --environment
    ///
    /// Example: upvest-webhooks context set sandbox --stack webhooks-sandbox --region eu-central-1 --environment sandbox
    Set {
        /// The name of the context: letters, digits, dots, - and _
        name: String,
        /// The environment of Upvest that is meant; credentials that name the other one are refused
        #[arg(long, value_name = "ENVIRONMENT", value_parser = environment())]
        environment: Option<Environment>,
    },
    /// Have a context be the default one, which is used where nothing names a stack
    Use {
        /// The name of the context
        name: String,
    },
    /// Delete a context; no stack is touched
    Delete {
        /// The name of the context
        name: String,
    },
}

/// Lists what the configuration file knows of stacks, context by context.
#[derive(Debug, Serialize)]
pub(crate) struct ContextList {
    /// Names the file that they stand in.
    file: String,
    /// Lists the contexts of the file, sorted by name.
    contexts: Vec<Named>,
}

/// Describes a context, as the configuration file has it.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    /// Gives the name by which `--context` means it.
    name: String,
    /// Tells whether it is used where nothing names a stack.
    default: bool,
    /// Names a CloudFormation stack; `None` where it leaves that open.
    stack: Option<String>,
    /// Names the stack's AWS region; `None` where the AWS configuration says it.
    region: Option<String>,
    /// Names the profile of the AWS configuration whose credentials are used; `None` for AWS's own choice.
    profile: Option<String>,
    /// Names the environment of Upvest that is meant, sandbox or live; `None` for that of the credentials.
    environment: Option<&'static str>,
}

/// Tells which context of which file was made, changed, chosen or deleted.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    /// Names the file that was written.
    file: String,
    /// Names the context that was made, changed, chosen or deleted.
    name: String,
    /// Says which of these was done with it.
    result: Change,
}

/// Says what became of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// The file did not have it before.
    Made,
    /// The file had it before, and it now says what was given.
    Changed,
    /// It is the default one from now on.
    Default,
    /// It is not there any more.
    Deleted,
}

impl Command {
    /// Reads the file of contexts, and changes it where that is asked for.
    pub(crate) fn run(self, stacks: &StackFinder<'_>) -> Result<Box<dyn Report>> {
        let mut contexts = Contexts::read(stacks.variables())?;
        let file = contexts.place();
        let (name, result) = match self {
            Self::List => return told(Ok(list(&contexts))),
            Self::Show { name } => return told(show(&contexts, name)),
            Self::Set { name, environment } => {
                let given = given(stacks.choice(), environment)?;
                let is_new = contexts.set(&name, &given)?;
                (name, if is_new { Change::Made } else { Change::Changed })
            }
            Self::Use { name } => {
                contexts.make_default(&name)?;
                (name, Change::Default)
            }
            Self::Delete { name } => {
                contexts.delete(&name)?;
                (name, Change::Deleted)
            }
        };
        told(Ok(Changed { file, name, result }))
    }
}

/// Takes what a context is to say from the options that mean it elsewhere.
fn given(options: &StackChoice, environment: Option<Environment>) -> Result<Context> {
    if options.local.is_some() {
        return Err(Error::usage(
            "a context names a stack of CloudFormation, with --stack: the one on this machine is --local everywhere",
        ));
    }
    let given = Context {
        stack: options.stack.clone(),
        region: options.region.clone(),
        profile: options.aws_profile.clone(),
        environment,
    };
    match given == Context::default() {
        true => Err(Error::usage(
            "a context is to say something: use --stack, --region, --profile or --environment",
        )),
        false => Ok(given),
    }
}

fn list(contexts: &Contexts) -> ContextList {
    let named = contexts.contexts.iter();
    ContextList {
        file: contexts.place(),
        contexts: named
            .map(|(name, context)| described(contexts, name, context))
            .collect(),
    }
}

fn show(contexts: &Contexts, name: Option<String>) -> Result<Named> {
    let name = name.or_else(|| contexts.default.clone());
    let name =
        name.ok_or_else(|| Error::usage("there is no default context: name one, as `context list` has it"))?;
    Ok(described(contexts, &name, contexts.get(&name)?))
}

fn described(contexts: &Contexts, name: &str, context: &Context) -> Named {
    Named {
        name: name.to_owned(),
        default: contexts.default.as_deref() == Some(name),
        stack: context.stack.clone(),
        region: context.region.clone(),
        profile: context.profile.clone(),
        environment: context.environment.map(Environment::as_str),
    }
}

impl Report for ContextList {
    fn text(&self) -> String {
        if self.contexts.is_empty() {
            return format!(
                "no contexts in {}; make one with `upvest-webhooks context set NAME --stack STACK`",
                self.file
            );
        }
        rows_of(&self.contexts)
            .column("context", |context| &context.name)
            .optional("default", |context| context.default.then_some("✓"))
            .optional("stack", |context| context.stack.as_ref())
            .optional("region", |context| context.region.as_ref())
            .optional("profile", |context| context.profile.as_ref())
            .optional("environment", |context| context.environment)
            .to_string()
    }
}

impl Report for Named {
    fn text(&self) -> String {
        let default = if self.default { "yes" } else { "no" };
        facts([
            ("context", Some(self.name.clone())),
            ("default", Some(default.to_owned())),
            ("stack", self.stack.clone()),
            ("region", self.region.clone()),
            ("profile", self.profile.clone()),
            ("environment", self.environment.map(str::to_owned)),
        ])
    }
}

impl Report for Changed {
    fn text(&self) -> String {
        let name = &self.name;
        let told = match self.result {
            Change::Made => format!("context {name} is there: --context {name} uses it"),
            Change::Changed => format!("context {name} is changed"),
            Change::Default => format!("context {name} is used where nothing names a stack"),
            Change::Deleted => format!("context {name} is deleted; its stack is as it was"),
        };
        format!("{told}\nin {}", self.file)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use operator::Reporter;
    use pipeline::runtime::config::Lookup;
    use webhook_tests::schemas::fitting;

    use super::*;
    use crate::output::Exit;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        stack: crate::arguments::StackArgs,
        #[command(subcommand)]
        command: Command,
    }

    /// Runs a command on a file of contexts; what it prints is as its schema says.
    fn run(file: &str, line: &str) -> Result<String> {
        let words = std::iter::once("context").chain(line.split_whitespace());
        let Line { stack, command } = Line::try_parse_from(words).unwrap();
        let find = |name: &str| (name == "UPVEST_WEBHOOKS_CONFIG").then(|| file.to_owned());
        let stacks = StackFinder::new(stack.into(), Lookup::new(&find), Reporter::silent());
        let report = command.run(&stacks)?;
        let name = line.split_whitespace().next().unwrap();
        fitting(&format!("context {name}"), &report);
        assert_eq!(report.exit(), Exit::Done);
        Ok(report.text())
    }

    #[test]
    fn a_context_is_made_changed_chosen_listed_and_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made/config.toml").display().to_string();
        assert!(run(&file, "list").unwrap().starts_with("no contexts in "));
        assert_eq!(run(&file, "show").unwrap_err().kind(), operator::ErrorKind::Usage);
        let made = run(&file, "set live --stack webhooks-live --environment live").unwrap();
        assert!(made.starts_with("context live is there"), "{made}");
        let changed = run(&file, "set live --profile operator").unwrap();
        assert!(changed.starts_with("context live is changed"), "{changed}");
        run(&file, "use live").unwrap();
        let shown = run(&file, "show").unwrap();
        assert_eq!(
            shown,
            "context      live\ndefault      yes\nstack        webhooks-live\nprofile      operator\nenvironment  live\n"
        );
        assert!(run(&file, "list").unwrap().contains("webhooks-live"));
        let error = run(&file, "use lve").unwrap_err().to_string();
        assert!(error.ends_with("did you mean live?"), "{error}");
        run(&file, "delete live").unwrap();
        assert!(run(&file, "list").unwrap().starts_with("no contexts in "));
    }

    #[test]
    fn a_context_says_something_and_names_no_stack_of_this_machine() {
        assert_eq!(
            run("/nowhere/config.toml", "set live").unwrap_err().kind(),
            operator::ErrorKind::Usage
        );
        assert_eq!(
            run("/nowhere/config.toml", "set here --local")
                .unwrap_err()
                .kind(),
            operator::ErrorKind::Usage
        );
    }
}
