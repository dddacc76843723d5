//! The check that is made by a schedule.

use super::*;

#[tokio::test]
async fn a_check_finds_a_healthy_subscription_and_repairs_any_other() {
    let stack = Stack::new().await;
    let id = stack.created().await;
    assert_eq!(stack.check().await, "healthy");

    for broken in [
        Subscription {
            enabled: false,
            ..stack.only()
        },
        Subscription {
            max_package_size: 1_000,
            ..stack.only()
        },
    ] {
        stack.upvest.simulator.update_subscription(broken).unwrap();
        assert_eq!(stack.check().await, "patched");
        let repaired = stack.only();
        assert!(repaired.enabled && repaired.max_package_size == 262_144 && repaired.id == id);
    }

    stack.upvest.simulator.drop_subscription(&id);
    assert_eq!(stack.check().await, "created");
    assert!(stack.only().enabled && stack.only().title == "Receiver");
    assert_eq!(stack.check().await, "healthy");
}

#[tokio::test]
async fn a_check_that_cannot_ask_upvest_fails() {
    let stack = Stack::new().await;
    let deps = stack.deps_with(&[("UPVEST_SECRET", "missing")]);
    let result = register_webhook::handle(&deps, &json!({}), stack.deadline()).await;
    assert!(matches!(result, Err(RegisterError::Access(_))), "{result:?}");
}
