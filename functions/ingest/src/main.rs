//! Wires ingest to Lambda.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use ingest::{Config, Deps};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use pipeline::runtime::config::{Lookup, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::runtime::aws::start();
    let config = Config::from_lookup(&Lookup::new(&environment))?;
    let deps = &Deps::new(&pipeline::runtime::aws::config().await, config);
    deps.warm().await;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        Ok::<_, Error>(ingest::handle(deps, &event.payload).await)
    }))
    .await
}
