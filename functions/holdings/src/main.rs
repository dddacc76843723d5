//! Projects positions, cash balances, valuations and returns, and acts on their changes.

mod actions;

use lambda_runtime::Error;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Holdings, actions::Own).await
}
