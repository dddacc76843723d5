//! Names what ends a run before its report.

use std::io;

use local_stack::LocalStackError;
use pipeline::error::AwsError;
use pipeline::stores::entities::EntityError;
use pipeline::stores::events::LogError;
use upvest::signature::KeyError;
use upvest_simulator::api::ListenError;
use upvest_simulator::{FaultsError, QueueError, SamplesError, StartError};

/// Says why the run did not come to a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Stack(#[from] LocalStackError),
    #[error("the samples cannot be delivered")]
    Samples(#[from] SamplesError),
    #[error("the folder of the samples cannot be read")]
    Folder { source: io::Error },
    #[error("the simulator does not start")]
    Start(#[from] StartError),
    #[error(
        "cannot listen on port {port} of 127.0.0.1: end what has it, or name another one with --upvest-port"
    )]
    UpvestPort { port: u16, source: ListenError },
    #[error(transparent)]
    Listen(ListenError),
    #[error("the simulator's address is not known")]
    Address(#[source] io::Error),
    #[error("the credentials for the simulator's API cannot be written")]
    Credentials(#[from] KeyError),
    #[error("the secret with the credentials cannot be created")]
    Secret(#[source] Box<aws_sdk_secretsmanager::Error>),
    #[error("the simulator refuses the samples")]
    Queue(#[from] QueueError),
    #[error("the simulator refuses the faults")]
    Faults(#[from] FaultsError),
    #[error("what the receiver keeps cannot be read")]
    Aws(#[from] AwsError),
    #[error("the event log cannot be read")]
    Log(#[from] LogError),
    #[error("an entity cannot be read")]
    Entity(#[from] EntityError),
    #[error("a queue cannot be read")]
    DeployedQueue(#[source] Box<aws_sdk_sqs::Error>),
    #[error("the event bus cannot be tapped")]
    Bus(#[source] Box<aws_sdk_eventbridge::Error>),
}
