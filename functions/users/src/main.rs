//! Projects users and their due-diligence checks.

use lambda_runtime::Error;
use upvest::Domain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::processor::run(Domain::Users).await
}
