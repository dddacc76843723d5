//! Names that commands use until their operations are in the library.

pub(crate) use operator::{Error as StackError, Queue, Stack, StackFinder};

/// A stack with these outputs, for tests.
#[cfg(test)]
pub(crate) fn deployed(config: aws_config::SdkConfig, outputs: &[(&str, &str)]) -> Stack {
    let outputs = outputs.iter();
    let outputs = outputs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Stack::new(config, Some("upvest-webhooks".to_owned()), outputs)
}
