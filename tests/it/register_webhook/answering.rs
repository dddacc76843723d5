//! What CloudFormation is told, and that it is told in time.

use pipeline::runtime::cloudformation::AnswerError;

use super::*;

#[tokio::test]
async fn cloudformation_is_answered_before_the_invocation_ends_however_slow_upvest_is() {
    let stack = Stack::new().await;
    stack.upvest.simulator.add_trouble(delayed(100, 60_000));
    let answer = stack.create().await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(
        answer["Reason"].as_str().unwrap().contains("no time left"),
        "{answer}"
    );
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(stack.ask("Delete", Some(physical)).await["Status"], "SUCCESS");
}

#[tokio::test]
async fn an_unreadable_secret_fails_the_create_and_not_its_delete() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.contains("credentials cannot be read"), "{reason}");
    let physical = answer["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(
        stack.ask_with(&deps, "Delete", Some(physical)).await["Status"],
        "SUCCESS"
    );
}

#[tokio::test]
async fn a_missing_setting_or_another_request_is_answered_with_its_reason() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("WEBHOOK_URL", "")]);
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert!(
        answer["Reason"].as_str().unwrap().contains("WEBHOOK_URL"),
        "{answer}"
    );
    let answer = stack.ask("Rename", None).await;
    assert!(answer["Reason"].as_str().unwrap().contains("Rename"), "{answer}");
}

#[tokio::test]
async fn a_panic_is_answered() {
    let stack = Stack::new().await;
    let mut deps = stack.deps();
    let broken = Clock::from_fn(|| panic!("the clock of this test is broken"));
    deps.settings = Settings {
        upvest: stack.settings(&[], &broken).upvest,
        ..deps.settings
    };
    let answer = stack.ask_with(&deps, "Create", None).await;
    assert_eq!(answer["Status"], "FAILED");
    assert!(
        answer["Reason"].as_str().unwrap().contains("panicked"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_answer_is_sent_again_until_it_is_taken() {
    let stack = Stack::new().await;
    stack.cloudformation.answer([500, 503, 200]);
    stack.create().await;
    assert_eq!(stack.cloudformation.taken().len(), 3);

    stack.cloudformation.answer([403]);
    let event = stack.event("Delete", None);
    let result = register_webhook::handle(&stack.deps(), &event, stack.deadline()).await;
    assert!(
        matches!(result, Err(RegisterError::Unanswered(AnswerError::Refused(403)))),
        "{result:?}"
    );
}

#[tokio::test]
async fn no_secret_is_logged_or_answered() {
    let stack = Stack::new().await;
    let log = Log::default();
    let logged = log.keep();
    let id = stack.created().await;
    stack.check().await;
    stack.endpoint.answer([500]);
    stack.upvest.simulator.drop_subscription(&id);
    stack.ask_again("Update", &id).await;
    stack.upvest.simulator.revoke_tokens();
    let mut wrong = stack.upvest.credentials();
    wrong["client_secret"] = "not-the-right-secret".into();
    stack.aws.create_secret(SECRET, wrong.to_string().as_bytes());
    assert_eq!(stack.ask("Delete", Some(&id)).await["Status"], "FAILED");
    drop(logged);
    let answers = stack.cloudformation.taken();
    let answers = answers
        .iter()
        .map(|taken| String::from_utf8_lossy(&taken.body).into_owned());
    let text = log.text() + &answers.collect::<String>();
    assert!(text.contains("the subscription") && text.contains(&id));
    let mut secrets = secrets(&stack.upvest.credentials());
    secrets.push(stack::URL_SECRET.to_owned());
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret} is told");
    }
}
