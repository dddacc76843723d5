//! Finding the stack that an operator means.

use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::Lookup;
use tokio::sync::OnceCell;
use upvest_api::Environment;

use super::local::local;
use super::named::named;
use super::{Output, Stack};
use crate::error::{Error, Result};
use crate::reporter::Reporter;

/// Says where `make run` describes the stack that it runs.
pub const LOCAL_STACK_FILE: &str = ".local/stack.json";

/// Says which stack is meant, and as whom to work on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackChoice {
    /// Names a CloudFormation stack, whose outputs are read.
    pub stack: Option<String>,
    /// Names the file that describes a stack on this machine.
    pub local: Option<PathBuf>,
    /// Names the AWS region, unless the AWS configuration says it.
    pub region: Option<String>,
    /// Names the profile of the AWS configuration whose credentials are used.
    pub aws_profile: Option<String>,
    /// Names the environment of Upvest that is meant, where an operation is not told.
    pub environment: Option<Environment>,
}

/// Looks for the stack when it is first asked for: some operations can do without.
pub struct StackFinder<'f> {
    choice: StackChoice,
    /// Names what made the choice where neither the operator nor the environment did.
    default: Option<String>,
    variables: Lookup<'f>,
    reporter: Reporter<'f>,
    clock: Clock,
    found: OnceCell<Option<Stack>>,
}

/// Tells where a stack's outputs come from: a file on this machine, CloudFormation, or nowhere.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Local { file: PathBuf, chosen: bool },
    Named(String),
    Unnamed,
}

/// Makes the error of a command that names no stack, with the options that name one.
pub(super) fn nothing_named() -> Error {
    Error::usage(
        "no stack is named: use --stack NAME or --context NAME, or --local for the one that `make run` starts; \
         `upvest-webhooks --help` says in which order they are looked for",
    )
}

/// Says that two stacks are as good as each other.
fn two_stacks(context: &str, stack: &str) -> Error {
    Error::usage(format!(
        "two stacks may be meant, {stack} of your default context {context}, and the one on this machine that \
         {LOCAL_STACK_FILE} describes: use --context {context} or --local"
    ))
}

impl<'f> StackFinder<'f> {
    /// Finds the stack that was chosen, or else the one that the environment names, or else the one that runs on this
    /// machine. Variables of the environment that give an output (`KEYS_TABLE` ...) are what is meant where no stack is named, and must
    /// not give another one than a stack has that is.
    #[must_use]
    pub fn new(choice: StackChoice, variables: Lookup<'f>, reporter: Reporter<'f>) -> Self {
        Self {
            choice,
            default: None,
            variables,
            reporter,
            clock: Clock::system(),
            found: OnceCell::new(),
        }
    }

    /// Takes this choice where neither the one so far nor the environment names a stack. `name` is what operators call it.
    #[must_use]
    pub fn or_default(mut self, name: &str, choice: StackChoice) -> Self {
        let variables = ["UPVEST_WEBHOOKS_LOCAL", "UPVEST_WEBHOOKS_STACK"];
        let is_set = |name| self.variables.optional(name).is_some();
        let is_named = self.choice.stack.is_some() || self.choice.local.is_some();
        if !is_named && !variables.into_iter().any(is_set) {
            self.choice = choice;
            self.default = Some(name.to_owned());
        }
        self
    }

    /// Has operations on the stack take the time from this clock, in place of the machine's. A stack that is found already keeps its
    /// own.
    #[must_use]
    pub fn at(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Has found this stack already, in an environment without variables.
    #[must_use]
    pub fn of(stack: Stack) -> Self {
        Self {
            clock: stack.clock().clone(),
            found: OnceCell::new_with(Some(Some(stack))),
            ..Self::new(StackChoice::default(), Lookup::new(&|_| None), Reporter::silent())
        }
    }

    /// Gives the stack that was chosen, which is looked for once.
    ///
    /// # Errors
    ///
    /// [`Error`] when none is named, or it cannot be looked up.
    pub async fn stack(&self) -> Result<&Stack> {
        self.if_named().await?.ok_or_else(nothing_named)
    }

    /// Gives the stack, if one is named.
    ///
    /// # Errors
    ///
    /// [`Error`] when the one that is named cannot be looked up.
    pub async fn if_named(&self) -> Result<Option<&Stack>> {
        Ok(self.found.get_or_try_init(|| self.find()).await?.as_ref())
    }

    /// Names the stack that is to be deployed, and tells how AWS clients reach it: it need not be there yet.
    ///
    /// # Errors
    ///
    /// [`Error`] when no stack is named, or there is no region.
    pub async fn destination(&self) -> Result<(SdkConfig, String)> {
        if let Some(Some(stack)) = self.found.get() {
            return Ok((stack.config().clone(), stack.name()?.to_owned()));
        }
        // The stack on this machine is meant where it is named alone: it is no place to end up in by chance.
        match self.source(false)? {
            Source::Named(name) => Ok((self.choice.aws().await?, name)),
            Source::Local { file, .. } => {
                let stack = local(&file).await?;
                Ok((stack.config().clone(), stack.name()?.to_owned()))
            }
            Source::Unnamed => Err(nothing_named()),
        }
    }

    /// Tells how AWS clients reach the stack, or the operator's account where none is named.
    ///
    /// # Errors
    ///
    /// [`Error`] when there is no region, or the stack that is named cannot be looked up.
    pub async fn aws(&self) -> Result<SdkConfig> {
        match self.if_named().await? {
            Some(stack) => Ok(stack.config().clone()),
            None => self.choice.aws().await,
        }
    }

    /// Looks variables of the environment up.
    pub fn variables(&self) -> &Lookup<'f> {
        &self.variables
    }

    /// Gives what the options of the operator say: which stack is meant, and as whom to work on it.
    pub fn choice(&self) -> &StackChoice {
        &self.choice
    }

    /// Tells what operations on the stack report to.
    pub fn reporter(&self) -> Reporter<'f> {
        self.reporter
    }

    async fn find(&self) -> Result<Option<Stack>> {
        let variable = |output: Output| Some((output, self.variables.optional(output.names().0)?));
        let given: Vec<_> = Output::ALL.into_iter().filter_map(variable).collect();
        let stack = match self.source(Path::new(LOCAL_STACK_FILE).exists())? {
            Source::Local { file, chosen } => {
                if chosen {
                    let file = file.display();
                    self.reporter.note(&format!(
                        "using the local stack of {file} (--stack NAME for another)"
                    ));
                }
                local(&file).await?
            }
            Source::Named(name) => named(self.choice.aws().await?, name).await?,
            // Without a region, that nothing is named is what to say first.
            Source::Unnamed if given.is_empty() => return Ok(None),
            Source::Unnamed => Stack::new(self.choice.aws().await?, None, []),
        };
        Ok(Some(with_given(stack, given)?.at(self.clock.clone())))
    }

    fn source(&self, local_exists: bool) -> Result<Source> {
        let StackChoice { stack, local, .. } = &self.choice;
        if let (Some(context), Some(stack), true) = (&self.default, stack, local_exists) {
            return Err(two_stacks(context, stack));
        }
        let there = |file: PathBuf| Source::Local { file, chosen: false };
        let variable = |name| self.variables.optional(name);
        Ok((local.clone().map(there))
            .or_else(|| stack.clone().map(Source::Named))
            .or_else(|| variable("UPVEST_WEBHOOKS_LOCAL").map(|file| there(file.into())))
            .or_else(|| variable("UPVEST_WEBHOOKS_STACK").map(Source::Named))
            .unwrap_or(match local_exists {
                true => Source::Local {
                    file: LOCAL_STACK_FILE.into(),
                    chosen: true,
                },
                false => Source::Unnamed,
            }))
    }
}

impl StackChoice {
    async fn aws(&self) -> Result<SdkConfig> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(profile) = &self.aws_profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let config = loader.load().await;
        match config.region() {
            Some(_) => Ok(config),
            None => Err(Error::usage(
                "no AWS region is configured: use --region or set AWS_REGION",
            )),
        }
    }
}

/// Gives a stack the outputs that the environment gives.
///
/// One that is named has its own: a shell that has the variables of another stack still would have a part of an operation done there,
/// and all of it reported as done here. But the secret may be another one, which is an option as well.
fn with_given(mut stack: Stack, given: Vec<(Output, String)>) -> Result<Stack> {
    if let Some(name) = &stack.name {
        let is_another = |(output, value): &&(Output, String)| {
            *output != Output::UpvestSecret && stack.optional(output.names().1) != Some(value)
        };
        let others = given.iter().filter(is_another).map(|(output, value)| {
            let (variable, output) = output.names();
            let own = stack.optional(output).unwrap_or("none");
            format!("{variable} is {value}, and stack {name} has {own}")
        });
        let others = others.collect::<Vec<_>>().join("; ");
        if !others.is_empty() {
            return Err(Error::usage(format!(
                "{others}: unset what is of another stack, or name no stack where the variables are what is meant"
            )));
        }
    }
    let outputs = given
        .into_iter()
        .map(|(output, value)| (output.names().1.to_owned(), value));
    stack.outputs.extend(outputs);
    Ok(stack)
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    fn source_of(
        local: Option<&str>,
        stack: Option<&str>,
        variables: &[(&str, &str)],
        exists: bool,
    ) -> Source {
        let choice = StackChoice {
            local: local.map(PathBuf::from),
            stack: stack.map(str::to_owned),
            ..StackChoice::default()
        };
        let find = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let finder = StackFinder::new(choice, Lookup::new(&find), Reporter::silent());
        finder.source(exists).unwrap()
    }

    #[test]
    fn the_choice_wins_over_the_environment_and_both_over_a_running_local_stack() {
        let both = [("UPVEST_WEBHOOKS_LOCAL", "l"), ("UPVEST_WEBHOOKS_STACK", "s")];
        let local = |file: &str, chosen| Source::Local {
            file: file.into(),
            chosen,
        };
        assert_eq!(
            source_of(None, Some("n"), &both, true),
            Source::Named("n".to_owned())
        );
        assert_eq!(source_of(Some("f"), None, &both, true), local("f", false));
        assert_eq!(source_of(None, None, &both, true), local("l", false));
        assert_eq!(
            source_of(None, None, &both[1..], true),
            Source::Named("s".to_owned())
        );
        assert_eq!(source_of(None, None, &[], true), local(LOCAL_STACK_FILE, true));
        assert_eq!(source_of(None, None, &[], false), Source::Unnamed);
    }

    #[test]
    fn a_default_gives_way_to_what_names_a_stack_and_is_none_beside_a_running_one() {
        let default = StackChoice {
            stack: Some("d".to_owned()),
            region: Some("eu-west-1".to_owned()),
            ..StackChoice::default()
        };
        let finder = |stack: Option<&str>| {
            let choice = StackChoice {
                stack: stack.map(str::to_owned),
                ..StackChoice::default()
            };
            StackFinder::new(choice, Lookup::new(&|_| None), Reporter::silent())
                .or_default("c", default.clone())
        };
        let alone = finder(None);
        assert_eq!(alone.source(false).unwrap(), Source::Named("d".to_owned()));
        assert_eq!(alone.choice().region.as_deref(), Some("eu-west-1"));
        let error = alone.source(true).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(
            error.to_string().ends_with("use --context c or --local"),
            "{error}"
        );
        let named = finder(Some("n"));
        assert_eq!(named.source(true).unwrap(), Source::Named("n".to_owned()));
        assert_eq!(named.choice().region, None);
    }

    /// Finds a stack on this machine that has two tables, with these variables.
    async fn local_with(variables: &[(&str, &str)]) -> Result<Stack> {
        let file = NamedTempFile::new().unwrap();
        let json = r#"{"endpoint_url": "http://127.0.0.1:1", "region": "eu-central-1", "access_key_id": "a",
            "secret_access_key": "b", "outputs": {"KeysTableName": "keys", "EventsTableName": "events"}}"#;
        std::fs::write(file.path(), json).unwrap();
        let choice = StackChoice {
            local: Some(file.path().to_owned()),
            ..StackChoice::default()
        };
        let find = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let finder = StackFinder::new(choice, Lookup::new(&find), Reporter::silent());
        Ok(finder.find().await?.unwrap())
    }

    #[tokio::test]
    async fn a_local_stack_is_read_from_its_file() {
        let own = [("EVENTS_TABLE", "events"), ("UPVEST_SECRET", "other")];
        let stack = local_with(&own).await.unwrap();
        assert_eq!(stack.output(Output::KeysTable).unwrap(), "keys");
        assert_eq!(stack.output(Output::EventsTable).unwrap(), "events");
        assert_eq!(stack.upvest_secret(), Some("other"));
        assert_eq!(stack.name().unwrap(), "upvest-webhooks");
        assert!(stack.is_local());
        let error = stack.output(Output::EntitiesTable).unwrap_err().to_string();
        assert!(
            error.starts_with("stack upvest-webhooks has no output EntitiesTableName"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_variable_of_another_stack_is_refused_where_a_stack_is_named() {
        let others = [("KEYS_TABLE", "keys"), ("EVENTS_TABLE", "sandbox-events")];
        let error = local_with(&others).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert_eq!(
            error.to_string(),
            "EVENTS_TABLE is sandbox-events, and stack upvest-webhooks has events: unset what is of another stack, or name no \
             stack where the variables are what is meant"
        );
        let error = local_with(&[("AUDIT_TABLE", "sandbox-audit")]).await.unwrap_err();
        let says = "AUDIT_TABLE is sandbox-audit, and stack upvest-webhooks has none: ";
        assert!(error.to_string().starts_with(says), "{error}");
    }

    #[test]
    fn variables_are_what_is_meant_where_no_stack_is_named() {
        let config = SdkConfig::builder().build();
        let given = vec![(Output::KeysTable, "keys".to_owned())];
        let stack = with_given(Stack::new(config, None, []), given).unwrap();
        assert_eq!(stack.output(Output::KeysTable).unwrap(), "keys");
    }

    #[tokio::test]
    async fn the_stack_to_deploy_need_not_be_there_and_is_not_the_local_one_by_chance() {
        let choice = StackChoice {
            stack: Some("new".to_owned()),
            region: Some("eu-central-1".to_owned()),
            ..StackChoice::default()
        };
        let finder = StackFinder::new(choice, Lookup::new(&|_| None), Reporter::silent());
        let (config, name) = finder.destination().await.unwrap();
        assert_eq!(name, "new");
        assert_eq!(config.region().map(Region::as_ref), Some("eu-central-1"));
        let unnamed = StackFinder::new(StackChoice::default(), Lookup::new(&|_| None), Reporter::silent());
        assert_eq!(
            unnamed.destination().await.unwrap_err().kind(),
            crate::ErrorKind::Usage
        );
    }

    #[tokio::test]
    async fn a_missing_file_says_what_to_do() {
        let choice = StackChoice {
            local: Some("/nowhere/stack.json".into()),
            ..StackChoice::default()
        };
        let finder = StackFinder::new(choice, Lookup::new(&|_| None), Reporter::silent());
        let error = finder.stack().await.unwrap_err().to_string();
        assert!(error.contains("make run"), "{error}");
    }
}
