//! Wires ingest to Lambda.

use ingest::{Config, Deps};
use lambda_http::{Error, Request, service_fn};
use pipeline::config::{Lookup, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    pipeline::aws::start();
    let config = Config::from_lookup(&Lookup::new(&environment))?;
    let deps = Deps::new(&pipeline::aws::config().await, config);
    deps.warm().await;
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, Error>(ingest::handle(&deps, request).await)
    }))
    .await
}
