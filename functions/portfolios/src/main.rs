//! Projects allocations, portfolio orders, savings plans and liquidations, and acts on their changes.

mod actions;

use lambda_runtime::Error;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Portfolios, actions::Own).await
}
