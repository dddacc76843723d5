//! Wires verify-and-store to Lambda.

use std::process::ExitCode;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use pipeline::runtime::clock::Clock;
use pipeline::runtime::config::{Lookup, environment};
use pipeline::runtime::invocation::Invocation;
use verify_and_store::Deps;

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
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let invocation = Invocation::of(event.context);
        Ok::<_, Error>(verify_and_store::handle(deps, &event.payload, &invocation).await)
    }))
    .await
}
