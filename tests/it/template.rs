//! The contracts of `template.yaml`: what the code and the operator rely on and a linter cannot know.

pub(crate) mod cloudformation;
mod deployers;
mod edge;
mod evidence;
mod functions;
mod handlers;
pub(crate) mod iam;
mod permissions;
mod platform;
mod queues;
mod rules;
mod scenarios;
mod service_role;
mod storage;
mod taken_over;

use cloudformation::Template;
const FUNCTION: &str = "AWS::Serverless::Function";
const QUEUE: &str = "AWS::SQS::Queue";
const TABLE: &str = "AWS::DynamoDB::Table";
const ROLE: &str = "AWS::IAM::Role";

fn stem(function: &str) -> &str {
    function
        .strip_suffix("Function")
        .expect("functions are called so")
}

fn domains() -> Vec<String> {
    Template::loop_over("Domains", "Resources")
}
