//! A change set: it is made, shown, agreed to, and then executed or deleted. None of ours is left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::types::{
    Capability, Change as AwsChange, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline::error::{AwsError, ErrorChain};
use tokio::time::sleep;
use uuid::Uuid;

use super::changes::{ParameterChange, Plan};
use super::ending::{follow, protect};
use super::execution::execute;
use super::nested::NestedTemplates;
use super::present::Present;
use super::{Deployed, Target, stack_policy, tagging};
use crate::error::{Error, ErrorKind, Result};
use crate::repair::Ending;

/// Is the pause between two looks at a change set that is being made.
const PAUSE: Duration = Duration::from_secs(1);
/// Bounds the tries to delete a change set that is still being made: 28 seconds, with the pauses.
const DELETIONS: u32 = 15;
/// Is the pause between two tries to delete it.
const DELETION_PAUSE: Duration = Duration::from_secs(2);
/// Lists the reasons by which CloudFormation tells that nothing would change.
const EMPTY: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

/// Says what a stack is to become.
#[derive(Debug)]
pub(super) struct Request<'s> {
    pub(super) uploaded: usize,
    pub(super) template_url: String,
    pub(super) nested: NestedTemplates<'s>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) parameter_changes: Vec<ParameterChange>,
    pub(super) present: Present,
    /// Says for people what made the change set.
    pub(super) description: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) role_arn: Option<String>,
    pub(super) stack_policy: Option<String>,
    pub(super) termination_protection: bool,
    pub(super) allow_replacement: bool,
    pub(super) dry_run: bool,
}

/// Tells what is to become of a change set that was made.
enum Review {
    /// CloudFormation found nothing to change, so that there is nothing to agree to.
    Empty,
    /// It was to be shown, and nothing else.
    Shown,
    Declined,
    Agreed,
}

/// Makes a change set, has `confirm` agree to it, executes it, and follows that to its end.
///
/// # Errors
///
/// [`Error`] when nothing was executed: the change set is deleted then.
pub(super) async fn review_and_execute(
    target: &Target<'_>,
    request: Request<'_>,
    confirm: impl AsyncFnOnce(&Plan) -> Result<bool>,
) -> Result<Deployed> {
    warn_of_others(target, &request).await;
    let name = format!("upvest-webhooks-{}", Uuid::new_v4());
    let mut done = begun(target, &request);
    if let Err(error) = create(target, &name, &request).await {
        // Where only the answer is lost, it is there.
        if error.kind() != ErrorKind::Denied {
            discard(target, &name).await;
        }
        return Err(error);
    }
    let review = review(target, &name, &request, &mut done.plan, confirm);
    let execution = match target.before_changes(review).await {
        // Not to be ended half way: nobody would know whether AWS has begun.
        Ok(Review::Agreed) => execute(target, &request.nested, &name).await,
        Ok(other) => {
            discard(target, &name).await;
            if !matches!(other, Review::Shown) {
                tell_of_empty_stack(target, &request);
            }
            done.ending.declined = matches!(other, Review::Declined);
            // A deployment that was not followed to its end says to run it again for what protects the stack.
            if matches!(other, Review::Empty) && !request.dry_run {
                protect(target, &request, &mut done).await;
            }
            done.outputs = request.present.into_outputs();
            return Ok(done);
        }
        Err(error) => Err(error),
    };
    match execution {
        Ok(execution) => {
            follow(target, &request, execution, &mut done).await;
            Ok(done)
        }
        Err(error) => {
            tell_of_empty_stack(target, &request);
            discard(target, &name).await;
            Err(error)
        }
    }
}

fn begun(target: &Target<'_>, request: &Request<'_>) -> Deployed {
    Deployed {
        stack: target.stack.to_owned(),
        version: None,
        uploaded: request.uploaded,
        ending: Ending {
            dry_run: request.dry_run,
            ..Ending::default()
        },
        plan: Plan {
            is_new: request.present.is_new(),
            parameters: request.parameter_changes.clone(),
            tags: tagging::changes(request.present.tags(), &request.tags),
            changes: Vec::new(),
        },
        status: None,
        left: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

/// Tells of change sets of others, which CloudFormation deletes when this one is executed.
async fn warn_of_others(target: &Target<'_>, request: &Request<'_>) {
    if request.present.status().is_none() {
        return;
    }
    let listed = target
        .cloudformation()
        .list_change_sets()
        .stack_name(target.stack)
        .send()
        .await;
    let Ok(listed) = listed else {
        // It is a courtesy: whoever may not list them deploys all the same.
        return;
    };
    let waiting = listed.summaries().iter();
    for other in waiting.filter(|other| other.execution_status() == Some(&ExecutionStatus::Available)) {
        let name = other.change_set_name().unwrap_or_default();
        let description = other.description().unwrap_or("without a description");
        target.reporter.note(&format!(
            "another change set waits in this stack, {name} ({description}): it is deleted when this one is executed"
        ));
    }
}

async fn create(target: &Target<'_>, name: &str, request: &Request<'_>) -> Result<()> {
    let kind = match request.present.is_new() {
        true => ChangeSetType::Create,
        false => ChangeSetType::Update,
    };
    let create = target
        .cloudformation()
        .create_change_set()
        .stack_name(target.stack)
        .change_set_name(name)
        // Where its answer is lost, the SDK asks again, for the same change set.
        .client_token(name)
        .change_set_type(kind)
        .description(&request.description)
        .template_url(&request.template_url)
        .set_parameters(Some(request.parameters.clone()))
        // No role has a name, which would take CAPABILITY_NAMED_IAM; the transforms are macros.
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityAutoExpand)
        .set_tags(tagging::request(request.present.tags(), &request.tags))
        .set_role_arn(request.role_arn.clone());
    let created = create.send().await;
    created
        .map_err(AwsError::of("cloudformation:CreateChangeSet"))
        .map_err(Error::context(
            "CloudFormation does not take this: nothing was changed, so mend what it tells, and run this again",
        ))?;
    Ok(())
}

/// Waits until a change set is made, and has it shown and agreed to.
async fn review(
    target: &Target<'_>,
    name: &str,
    request: &Request<'_>,
    plan: &mut Plan,
    confirm: impl AsyncFnOnce(&Plan) -> Result<bool>,
) -> Result<Review> {
    let Some(changes) = made(target, name).await? else {
        return Ok(Review::Empty);
    };
    plan.take(&changes);
    if !request.dry_run && !request.allow_replacement {
        refuse_losses(plan)?;
    }
    stack_policy::check(target, plan, request.dry_run).await?;
    if request.dry_run {
        return Ok(Review::Shown);
    }
    Ok(match confirm(&*plan).await? {
        true => Review::Agreed,
        false => Review::Declined,
    })
}

/// Gives what a change set would change, once it is made; nothing where nothing would.
async fn made(target: &Target<'_>, name: &str) -> Result<Option<Vec<AwsChange>>> {
    let (client, mut token, mut changes) = (target.cloudformation(), None, Vec::new());
    let work = target.reporter.count("looks at the change set");
    loop {
        let describe = client
            .describe_change_set()
            .stack_name(target.stack)
            .change_set_name(name);
        let described = describe.set_next_token(token.take()).send().await;
        let described = described.map_err(AwsError::of("cloudformation:DescribeChangeSet"))?;
        match described.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                changes.extend_from_slice(described.changes());
                token = described.next_token().map(str::to_owned);
                if token.is_none() {
                    return Ok(Some(changes));
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = described.status_reason().unwrap_or("it gives no reason");
                if EMPTY.iter().any(|empty| reason.contains(empty)) {
                    return Ok(None);
                }
                return Err(Error::failed(format!(
                    "CloudFormation cannot tell what would change: {reason}; nothing was changed, so mend that, and run this \
                     again"
                )));
            }
            _ => {
                work.done(1);
                sleep(PAUSE).await;
            }
        }
    }
}

/// Refuses to put data out of reach.
fn refuse_losses(plan: &Plan) -> Result<()> {
    let losses: Vec<&str> = plan.losses().map(|change| change.resource.as_str()).collect();
    match losses.is_empty() {
        true => Ok(()),
        false => Err(Error::failed(format!(
            "this would replace or remove what holds data: {}; nothing was changed. See all of it with --dry-run. Where that is \
             what you want, and the data is saved, use --allow-replacement",
            losses.join(", ")
        ))),
    }
}

/// Tells of the stack that a change set made, where there was none: it is empty, and nothing needs it.
fn tell_of_empty_stack(target: &Target<'_>, request: &Request<'_>) {
    let stack = target.stack;
    if request.present.is_new() {
        target.reporter.note(&format!(
            "an empty stack {stack} stays as long as it is in REVIEW_IN_PROGRESS, and the next deployment takes it; without one, \
             aws cloudformation delete-stack --stack-name {stack}"
        ));
    }
}

/// Deletes a change set that is not executed. One that is still being made cannot be deleted yet.
async fn discard(target: &Target<'_>, name: &str) {
    let stack = target.stack;
    for tried in 1..=DELETIONS {
        let delete = target.cloudformation().delete_change_set();
        let deleted = delete.stack_name(stack).change_set_name(name).send().await;
        let Err(error) = deleted else { return };
        let is_gone = error.code() == Some("ChangeSetNotFound")
            || error
                .message()
                .is_some_and(|text| text.contains("does not exist"));
        if is_gone {
            return;
        }
        if error.code() != Some("InvalidChangeSetStatus") || tried == DELETIONS {
            let error = AwsError::of("cloudformation:DeleteChangeSet")(error);
            target.reporter.note(&format!(
                "the change set may still be there, and changes nothing unless it is executed ({}): aws cloudformation delete-change-set --stack-name \
                 {stack} --change-set-name {name}",
                ErrorChain(&error)
            ));
            return;
        }
        sleep(DELETION_PAUSE).await;
    }
}
