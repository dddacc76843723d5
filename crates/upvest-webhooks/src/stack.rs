//! Names that commands use until their operations are in the library.

pub(crate) use operator::{Error as StackError, Queue, Stack, StackFinder};
