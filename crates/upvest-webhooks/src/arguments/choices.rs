//! Names of closed lists on the command line, which help and shells tell.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};
use upvest_api::Environment;

/// Reads a name of which a list is offered for completion. Whether it is one of them is for the command to say, which tells
/// the nearest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOf(pub(crate) fn() -> Vec<&'static str>);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0().into_iter().map(PossibleValue::new)))
    }
}

/// Makes a parser that takes the names of `all` and nothing else, and gives what has the name.
pub(crate) fn by_name<T, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(name)).map(move |named| {
        let found = all.into_iter().find(|one| name(*one) == named);
        found.expect("the parser takes no other name")
    })
}

/// Reads the name of an environment of Upvest.
pub(crate) fn environment() -> impl TypedValueParser<Value = Environment> {
    by_name([Environment::Sandbox, Environment::Live], Environment::as_str)
}
