//! How a deployment ends: well, and protected; or taken back, with what went wrong first and what to do about it.

use aws_sdk_cloudformation::types::Parameter;
use pipeline::error::{AwsError, ErrorChain};

use super::change_set::Request;
use super::execution::Execution;
use super::present::Present;
use super::{Deployed, Target, network};

/// Follows what was begun to its end, unless the operator ends that.
pub(super) async fn follow(
    target: &Target<'_>,
    request: &Request<'_>,
    mut execution: Execution,
    done: &mut Deployed,
) {
    let stack = target.stack;
    let count = done.plan.changes.len() as u64;
    let ended = target.unless_stopped(execution.follow(target, count)).await;
    done.left = execution.left().to_vec();
    let look = format!(
        "upvest-webhooks --stack {stack} doctor tells how it ended{}",
        unprotected(request)
    );
    match ended {
        Ok(Some(status)) => done.status = Some(status),
        Ok(None) => {
            done.ending.failure = Some(format!(
                "ended by you, and AWS goes on with the deployment: {look}"
            ));
            return;
        }
        Err(error) => {
            let why = ErrorChain(&error);
            done.ending.failure = Some(format!(
                "AWS goes on with the deployment, and does not tell how far it is ({why}): {look}"
            ));
            return;
        }
    }
    let is_good = matches!(
        done.status.as_deref(),
        Some("CREATE_COMPLETE" | "UPDATE_COMPLETE")
    );
    let after = Present::look_up(target).await;
    if is_good {
        // The deployment went well: outputs that cannot be read now do not make it a failure.
        done.outputs = after.unwrap_or_default().into_outputs();
        protect(target, request, done).await;
        return;
    }
    let cause = execution.first_cause(target).await;
    let way_out = network::advice(&cause, wanted(request, network::SUBNETS));
    let advice = match after.and_then(|after| after.refuse_unless_ready(stack)) {
        Ok(()) => format!("stack {stack} is what it was before: mend that, and run this again"),
        Err(refusal) => refusal.to_string(),
    };
    let sentences: Vec<String> = [Some(cause), way_out, Some(advice)]
        .into_iter()
        .flatten()
        .collect();
    done.ending.failure = Some(sentences.join("\n"));
}

/// Gives the value that a parameter was to have; nothing where it was to have its default.
fn wanted<'r>(request: &'r Request<'_>, name: &str) -> &'r str {
    let mut given = request.parameters.iter();
    let given = given.find(|given| given.parameter_key() == Some(name));
    // A parameter that keeps its value has none in the request.
    let given = given.and_then(Parameter::parameter_value);
    given
        .or_else(|| request.present.parameter(name))
        .unwrap_or_default()
}

/// Says that the protection that was asked for is not set, where nobody waits for the end of the deployment.
fn unprotected(request: &Request<'_>) -> &'static str {
    match request.stack_policy.is_some() || request.termination_protection {
        true => {
            "; what protects the stack (--stack-policy, --termination-protection) is not set: run this again after its end, \
             which sets it"
        }
        false => "",
    }
}

/// Sets what protects a stack, and is no part of a change set.
pub(super) async fn protect(target: &Target<'_>, request: &Request<'_>, done: &mut Deployed) {
    let client = target.cloudformation();
    let mut failures = Vec::new();
    if let Some(policy) = &request.stack_policy {
        let set = client.set_stack_policy().stack_name(target.stack);
        let set = set.stack_policy_body(policy).send().await;
        failures.extend(set.map_err(AwsError::of("cloudformation:SetStackPolicy")).err());
    }
    if request.termination_protection {
        let set = client.update_termination_protection().stack_name(target.stack);
        let set = set.enable_termination_protection(true).send().await;
        failures.extend(
            set.map_err(AwsError::of("cloudformation:UpdateTerminationProtection"))
                .err(),
        );
    }
    if !failures.is_empty() {
        let failures: Vec<String> = failures
            .iter()
            .map(|error| ErrorChain(error).to_string())
            .collect();
        done.ending.failure = Some(format!(
            "the stack is deployed, and not protected as it was to be: {}; run this again once that is allowed",
            failures.join(", ")
        ));
    }
}
