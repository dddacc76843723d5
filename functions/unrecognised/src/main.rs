//! Projects entities of categories that this version does not know, and acts on their changes.

mod actions;

use lambda_runtime::Error;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Unrecognised, actions::Own).await
}
