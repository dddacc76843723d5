//! Wires refresh-keys to Lambda.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{Lookup, environment};
use refresh_keys::Deps;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::runtime::process::run(Box::pin(serve())).await
}

async fn serve() -> Result<(), Error> {
    let deps = Deps::new(
        &pipeline::runtime::aws::config().await,
        &Lookup::new(&environment),
        Clock::system(),
    );
    let deps = &deps;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        match deps {
            Ok(deps) => refresh_keys::handle(deps, event.payload).await,
            // A process that ends would leave CloudFormation without an answer.
            Err(error) => refresh_keys::refuse(error, &event.payload).await,
        }
    }))
    .await
}
