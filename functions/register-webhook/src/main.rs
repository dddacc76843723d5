//! Wires register-webhook to Lambda.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{Lookup, environment};
use pipeline::runtime::invocation::Invocation;
use register_webhook::Deps;

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
    )?;
    let deps = &deps;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        let deadline = Invocation::of(event.context).deadline;
        register_webhook::handle(deps, &event.payload, deadline).await
    }))
    .await
}
