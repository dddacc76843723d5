//! Synthetic events: who may report them, and that they reach nothing that is real.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_synthetic_event_of_upvests_key_goes_to_quarantine_and_leaves_the_others_alone() {
    let receiver = receiver(Policy::Flag).await;
    let body = delivery(&[order("e1"), synthetic("synthetic-1"), synthetic("e2")]);
    deliver(&receiver, &body).await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(receiver.stored("entities"), ["ORDER#o1"]);
    assert_eq!(quarantine(&receiver), ["event-synthetic"]);
    assert_eq!(
        verified(&receiver),
        1,
        "what Upvest signed is evidence, whatever is in it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_synthetic_event_of_an_unknown_key_waits_for_the_key_and_is_never_taken_in() {
    let receiver = receiver(Policy::Flag).await;
    let key = SigningKey::hmac("canary-forged", Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
    let (_, body) = canary_delivery("forged", "2026-01-01T00:00:00Z".parse().unwrap());
    let headers = sign_with(&key, &body, &SignatureOptions::new(COVERED));
    deliver_with(&receiver, &headers, &body).await;
    assert_eq!(receiver.stored("events"), [""; 0]);
    assert_eq!(quarantine(&receiver), ["unknown-key"]);
}

#[tokio::test]
async fn a_synthetic_event_under_the_canarys_key_id_by_another_key_goes_to_quarantine() {
    let mut world = World::new().await;
    world.run(Works::All).await;
    let key = SigningKey::hmac(KEY_ID, Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
    let (_, body) = canary_delivery("forged", "2026-01-01T00:00:00Z".parse().unwrap());
    let headers = sign_with(&key, &body, &SignatureOptions::new(COVERED));
    deliver_with(&world.receiver, &headers, &body).await;
    assert_eq!(quarantine(&world.receiver), ["bad-signature"]);
    assert_eq!(world.receiver.stored("events").len(), 1);
}

#[tokio::test]
async fn whoever_has_the_canarys_key_can_report_nothing_real() {
    let mut world = World::new().await;
    world.run(Works::All).await;
    let logged = world.receiver.stored("events");
    let verified_before = verified(&world.receiver);
    for body in [
        delivery(&[order("e1")]),
        delivery(&[synthetic("synthetic-1"), order("e1")]),
        delivery(&[order("synthetic-1")]),
        // It would contradict, or forestall, an event of Upvest's.
        delivery(&[synthetic("55a877ce-effa-11ed-a05b-0242ac120003")]),
        b"no json".to_vec(),
    ] {
        world.deliver_by_the_canarys_key(&body).await;
    }
    assert_eq!(quarantine(&world.receiver), ["key-only-synthetic"; 5]);
    assert_eq!(world.receiver.stored("events"), logged);
    assert_eq!(world.receiver.stored("entities"), ["synthetic#canary"]);
    assert_eq!(
        verified(&world.receiver),
        verified_before,
        "a replay would take it from there"
    );
    nobody_was_told(&world.receiver);
}

#[tokio::test(start_paused = true)]
async fn an_hmac_key_of_the_operator_signs_what_it_wants() {
    let receiver = receiver(Policy::Flag).await;
    receiver.aws.create_secret("smoke", &[7; 32]);
    receiver.put_key_row(&hmac_row("smoke", "smoke")).await;
    let key = SigningKey::hmac("smoke", Dialect::UnquotedDigest, vec![7; 32].into()).unwrap();
    let body = delivery(&[order("e1"), synthetic("synthetic-1")]);
    let headers = sign_with(&key, &body, &SignatureOptions::new(COVERED));
    deliver_with(&receiver, &headers, &body).await;
    assert_eq!(receiver.stored("events"), ["e1", "synthetic-1"]);
    assert_eq!(receiver.stored("entities"), ["ORDER#o1", "synthetic#canary"]);
    assert_eq!(quarantine(&receiver), [""; 0]);
    assert_eq!(receiver.effects.runs_of("e1").len(), 1);
    assert_eq!(receiver.effects.runs_of("synthetic-1").len(), 0);
    assert_eq!(receiver.aws.published(CHANGES).len(), 1);
}

/// Nobody replays a synthetic event on purpose; a replay of a time range takes it along.
#[tokio::test(start_paused = true)]
async fn neither_a_late_nor_a_replayed_synthetic_event_reaches_an_action() {
    let receiver = receiver(Policy::Flag).await;
    let domains = DomainQueues::new(receiver.aws.sqs().clone(), receiver.routes());
    let dispatch = |id: &str, second: u8, replay: Option<&str>| {
        let json = synthetic(id).replace("00:00:00Z", &format!("00:00:{second:02}Z"));
        let now = receiver.aws.clock().timestamp();
        let dispatch = if replay.is_some() {
            Dispatch::Replay
        } else {
            Dispatch::First
        };
        EventMessage {
            replay: replay.map(str::to_owned),
            ..message_of(&json, dispatch, now)
        }
    };
    for event in [
        dispatch("synthetic-2", 2, None),
        dispatch("synthetic-1", 1, None),
        dispatch("synthetic-2", 2, Some("r1")),
    ] {
        // It would hold up the queue, if the action ran.
        receiver.effects.trouble(&event.event_id, Trouble::Hopeless);
        domains.send(vec![event]).await.unwrap();
        process_all(&receiver).await;
    }
    assert_eq!(receiver.waiting(), 0);
    nobody_was_told(&receiver);
    let [entity] = &receiver.stored("entities")[..] else {
        panic!("one entity")
    };
    let last = receiver.state(entity).await.projection.last.unwrap();
    assert_eq!(last.occurred.event_id, "synthetic-2");
}
