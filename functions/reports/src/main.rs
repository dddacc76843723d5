//! Projects reports, and retrieves their files.

use lambda_runtime::Error;
use reports::Own;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run_with(Domain::Reports, Own::from_config).await
}
