//! Wires ingest to Lambda.

use std::process::ExitCode;

use ingest::{Config, Deps, GatewayEvent};
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use pipeline::runtime::config::{Lookup, environment};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    pipeline::runtime::process::run(Box::pin(serve())).await
}

async fn serve() -> Result<(), Error> {
    let config = Config::from_lookup(&Lookup::new(&environment))?;
    let deps = &Deps::new(&pipeline::runtime::aws::config().await, config);
    deps.warm().await;
    // Not `lambda_http`'s own `run`: it makes the request before any code of ours could look at the event.
    lambda_runtime::run(service_fn(async |event: LambdaEvent<GatewayEvent>| {
        Ok::<_, Error>(ingest::handle(deps, event.payload).await)
    }))
    .await
}
