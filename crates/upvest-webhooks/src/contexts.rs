//! Named contexts: which stack, in which region, as whom, and which environment of Upvest is meant, by one word.
//!
//! They stand in a file of the operator's own, in TOML, which holds no secret. People write it too: what the commands do not
//! change keeps its order and its comments.

mod editing;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

use operator::names::instead;
use operator::{Error, Reporter, Result, StackChoice, StackFinder};
use pipeline::runtime::config::Lookup;
use toml_edit::{DocumentMut, Item, TomlError};
use upvest_api::Environment;

use crate::arguments::StackArgs;

/// Names what a file may say.
const MEMBERS: [&str; 2] = ["default", "contexts"];
/// Names what a context may say.
const SETTINGS: [&str; 4] = ["stack", "region", "profile", "environment"];

/// Holds what a context says; what it does not say is found out as without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// Names the CloudFormation stack that commands work on.
    pub(crate) stack: Option<String>,
    /// Names the AWS region that the stack is in.
    pub(crate) region: Option<String>,
    /// Names the profile of the AWS configuration whose credentials are used.
    pub(crate) profile: Option<String>,
    /// Names the environment of Upvest that is meant.
    pub(crate) environment: Option<Environment>,
}

/// Holds the contexts of a file, and the file as it was read.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    file: Option<PathBuf>,
    document: DocumentMut,
    /// Names the context that is meant where nothing names another one, or a stack.
    pub(crate) default: Option<String>,
    /// Lists what each context says, by its name.
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// Finds the stack that a command line means: by its options, by the context that it or the environment names, or where
/// nothing names a stack by the default context. Options win over what a context says.
///
/// # Errors
///
/// [`Error`] of the kind usage when the file is not as it should be, or has no such context.
pub(crate) fn finder<'f>(
    arguments: StackArgs,
    variables: Lookup<'f>,
    reporter: Reporter<'f>,
) -> Result<StackFinder<'f>> {
    let contexts = Contexts::read(&variables)?;
    let named = arguments.context.clone();
    let named = named.or_else(|| variables.optional("UPVEST_WEBHOOKS_CONTEXT"));
    let choice = StackChoice::from(arguments);
    if let Some(name) = named {
        let choice = contexts.get(&name)?.under(choice);
        return Ok(StackFinder::new(choice, variables, reporter));
    }
    let finder = StackFinder::new(choice.clone(), variables, reporter);
    match &contexts.default {
        Some(name) => Ok(finder.or_default(name, contexts.get(name)?.under(choice))),
        None => Ok(finder),
    }
}

/// Says where the contexts are; `None` where nothing says which folder is the operator's.
fn place(variables: &Lookup<'_>) -> Option<PathBuf> {
    if let Some(file) = variables.optional("UPVEST_WEBHOOKS_CONFIG") {
        return Some(file.into());
    }
    // A relative path is to be ignored, by the XDG Base Directory Specification.
    let folder = variables.optional("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute());
    let home = || Some(PathBuf::from(variables.optional("HOME")?).join(".config"));
    Some(folder.or_else(home)?.join("upvest-webhooks").join("config.toml"))
}

impl Contexts {
    /// Reads the contexts; a file that is not there has none.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage when the file is not as it should be, and of another one when it cannot be read.
    pub(crate) fn read(variables: &Lookup<'_>) -> Result<Self> {
        let file = place(variables);
        let text = match file.as_ref().map(fs::read_to_string) {
            Some(Ok(text)) => text,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                let file = file.unwrap_or_default();
                return Err(Error::context(format!("cannot read {}", file.display()))(error));
            }
            Some(Err(_)) | None => String::new(),
        };
        Self::parsed(file, &text)
    }

    fn parsed(file: Option<PathBuf>, text: &str) -> Result<Self> {
        let mut contexts = Self {
            file,
            ..Self::default()
        };
        match contexts.take_in(text) {
            Ok(()) => Ok(contexts),
            Err(why) => Err(Error::usage(format!("{}: {why}", contexts.place()))),
        }
    }

    /// Takes in what a file says; what is wrong with it ends that.
    fn take_in(&mut self, text: &str) -> Result<(), String> {
        let no_toml = |error: TomlError| format!("it is no TOML: {}", error.message());
        self.document = text.parse().map_err(no_toml)?;
        for (member, item) in self.document.iter() {
            match member {
                "default" => self.default = Some(text_of(member, item)?),
                "contexts" => self.contexts = contexts_of(item)?,
                _ => return Err(unknown(member, &MEMBERS)),
            }
        }
        Ok(())
    }

    /// Says where they are, for people.
    pub(crate) fn place(&self) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        file.unwrap_or_else(|| "no file of contexts".to_owned())
    }

    /// Gives the context of this name.
    ///
    /// # Errors
    ///
    /// [`Error`] of the kind usage, with the nearest name, where there is none.
    pub(crate) fn get(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let meant = match self.contexts.is_empty() {
                true => {
                    "there is none: make one with `upvest-webhooks context set NAME --stack STACK`".to_owned()
                }
                false => instead(name, self.contexts.keys().map(String::as_str)),
            };
            Error::usage(format!("no context {name} in {}: {meant}", self.place()))
        })
    }
}

impl Context {
    /// Fills in what the options of the command line leave open. Those that mean a stack on this machine name one.
    fn under(&self, options: StackChoice) -> StackChoice {
        let stack = self.stack.clone().filter(|_| options.local.is_none());
        StackChoice {
            stack: options.stack.or(stack),
            local: options.local,
            region: options.region.or_else(|| self.region.clone()),
            aws_profile: options.aws_profile.or_else(|| self.profile.clone()),
            environment: options.environment.or(self.environment),
        }
    }

    /// Lists what it says, by the names of the file.
    fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let environment = self.environment.map(Environment::as_str);
        let values = [
            self.stack.as_deref(),
            self.region.as_deref(),
            self.profile.as_deref(),
            environment,
        ];
        let settings = SETTINGS.into_iter().zip(values);
        settings.filter_map(|(name, value)| Some((name, value?)))
    }
}

fn contexts_of(item: &Item) -> Result<BTreeMap<String, Context>, String> {
    let contexts = item.as_table_like().ok_or("contexts is no table")?;
    let named = contexts.iter().map(|(name, item)| {
        let context = context_of(item).map_err(|why| format!("context {name}: {why}"))?;
        Ok((name.to_owned(), context))
    });
    named.collect()
}

fn context_of(item: &Item) -> Result<Context, String> {
    let settings = item.as_table_like().ok_or("it is no table")?;
    let mut context = Context::default();
    for (name, item) in settings.iter() {
        let text = || text_of(name, item).map(Some);
        match name {
            "stack" => context.stack = text()?,
            "region" => context.region = text()?,
            "profile" => context.profile = text()?,
            "environment" => context.environment = Some(environment(&text_of(name, item)?)?),
            _ => return Err(unknown(name, &SETTINGS)),
        }
    }
    Ok(context)
}

fn environment(name: &str) -> Result<Environment, String> {
    let all = [Environment::Sandbox, Environment::Live];
    let found = all.into_iter().find(|environment| environment.as_str() == name);
    found.ok_or_else(|| {
        let names = instead(name, all.map(Environment::as_str));
        format!("Upvest has no environment {name}: {names}")
    })
}

fn text_of(name: &str, item: &Item) -> Result<String, String> {
    let text = item.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
        .ok_or_else(|| format!("{name} is to be a text"))
}

fn unknown(name: &str, known: &[&str]) -> String {
    format!("{name} is unknown: {}", instead(name, known.iter().copied()))
}

#[cfg(test)]
mod tests;
