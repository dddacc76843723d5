//! Deliveries that are refused, quarantined or wait for a key, and those that come at the wrong time.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_fails_verification_goes_to_quarantine_with_its_reason() {
    let body = format!(r#"{{"payload":[{}]}}"#, order("e1"));
    let body = body.as_bytes();
    let good = sign_with(&key(), body, &SignatureOptions::new(COVERED));
    let with = |name: &str, value: &str| {
        let mut headers = good.clone();
        headers.set(name, value);
        headers
    };
    let other = SigningKey::ed25519_from_seed("key", Dialect::UnquotedDigest, &[8; 32]).unwrap();
    let input = good.combined("signature-input").unwrap();
    let wrong_digest = with("digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=");
    let mut without_digest = good.clone();
    without_digest.remove("digest");
    for (headers, reason) in [
        (wrong_digest, "digest-mismatch"),
        (without_digest, "missing-digest"),
        (
            sign_with(&key(), body, &SignatureOptions::new(["@method", "@path"])),
            "digest-not-covered",
        ),
        (
            sign_with(&key(), body, &SignatureOptions::new(["@method", "digest"])),
            "component-not-covered",
        ),
        (
            sign_with(&other, body, &SignatureOptions::new(COVERED)),
            "bad-signature",
        ),
        (
            with("signature-input", &format!("{input}, {input}")),
            "duplicate-label",
        ),
        (
            with("signature-input", &format!("{input};keyid=\"key\"")),
            "duplicate-parameter",
        ),
        (with("signature-input", "sig1=(("), "malformed-signature-input"),
        (with("signature", "sig1=:?:"), "malformed-signature"),
        (
            with("signature-input", &format!("{input};alg=\"hmac-sha256\"")),
            "algorithm-mismatch",
        ),
    ] {
        let receiver = receiver(Policy::Flag).await;
        deliver_with(&receiver, &headers, body).await;
        assert_eq!(quarantine(&receiver), [reason]);
        assert_eq!(receiver.stored("events"), [""; 0], "{reason}");
        assert_eq!(receiver.waiting(), 0, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_signature_is_flagged_or_by_strict_policy_quarantined() {
    for (policy, stored) in [(Policy::Flag, 1), (Policy::Strict, 0)] {
        for (created, expires, reason) in [
            ("2025-12-31T00:00:00Z", "2025-12-31T00:01:00Z", "expired"),
            ("2026-01-02T00:00:00Z", "2026-01-02T00:01:00Z", "not-yet-valid"),
        ] {
            let receiver = receiver(policy).await;
            let body = order("e1");
            let times = (created.parse().unwrap(), expires.parse().unwrap());
            let options = SignatureOptions::new(COVERED).valid(times.0, times.1);
            deliver_with(
                &receiver,
                &sign_with(&key(), body.as_bytes(), &options),
                body.as_bytes(),
            )
            .await;
            assert_eq!(receiver.stored("events").len(), stored, "{reason}");
            let objects = receiver.kept();
            let flags = objects
                .values()
                .map(|object| ArchivedDelivery::parse(&object.bytes).unwrap().out_of_time);
            let flag = (stored == 1).then(|| reason.to_owned());
            assert_eq!(flags.collect::<Vec<_>>(), [flag], "what is stored is flagged");
            let quarantined = quarantine(&receiver);
            assert_eq!(
                quarantined,
                if stored == 1 {
                    vec![]
                } else {
                    vec![reason.to_owned()]
                }
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn freshness_is_judged_by_the_time_of_receipt() {
    let receiver = receiver(Policy::Strict).await;
    let body = order("e1");
    let now = receiver.aws.clock().timestamp();
    let options = SignatureOptions::new(COVERED).valid(now, now + Duration::from_secs(5));
    let headers = sign_with(&key(), body.as_bytes(), &options);
    receiver.post(&headers, body.as_bytes()).await.unwrap();
    receiver.aws.clock().advance(Duration::from_secs(24 * 3600));
    receiver.verify_and_store().await.unwrap();
    assert_eq!(receiver.stored("events"), ["e1"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_holds_no_events_is_quarantined_whole() {
    for (body, reason) in [
        (&b"hello"[..], "body-not-json"),
        (b"", "body-not-json"),
        (b"\xff\0\x01", "body-not-json"),
        (br#"{"payload":[]}"#, "body-without-events"),
    ] {
        let receiver = receiver(Policy::Flag).await;
        deliver(&receiver, body).await;
        assert_eq!(quarantine(&receiver), [reason]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_is_quarantined_alone_with_its_place_in_the_batch() {
    let receiver = receiver(Policy::Flag).await;
    let bomb = "[".repeat(100_000) + &"]".repeat(100_000);
    let no_key = event("e2", "ORDER.NEW", "{}");
    let body = format!(
        r#"{{"payload":[{},{{"id":7}},{bomb},{no_key},{}]}}"#,
        order("e1"),
        order("e3")
    );
    deliver(&receiver, body.as_bytes()).await;
    assert_eq!(
        receiver.stored("events"),
        ["e1", "e2", "e3"],
        "the log keeps what is an event"
    );
    assert_eq!(receiver.stored("entities"), ["ORDER#o1"]);
    let reasons = ["event-incomplete", "event-too-deep", "event-without-entity-key"];
    assert_eq!(quarantine(&receiver), reasons);
    for (key, object) in receiver
        .kept()
        .range(QUARANTINE_PREFIX.to_owned()..VERIFIED_PREFIX.to_owned())
    {
        let archived = ArchivedDelivery::parse(&object.bytes).unwrap();
        let place = reasons.iter().position(|reason| key.contains(reason)).unwrap() + 1;
        assert_eq!(
            (archived.events, archived.envelope.body),
            (vec![place], body.clone().into_bytes())
        );
    }
}

/// Posts a delivery of one event by a key, and has it handled.
async fn deliver_by(receiver: &Receiver, key: &SigningKey, body: &str) {
    let headers = sign_with(key, body.as_bytes(), &SignatureOptions::new(COVERED));
    deliver_with(receiver, &headers, body.as_bytes()).await;
}

/// Names the folder of what waits for the key.
fn waits() -> Folder {
    Folder::of(UNKNOWN_KEY, KEY_ID)
}

/// Sends on what waits for a key, and has it handled; gives how many were sent.
async fn send_on(receiver: &Receiver, key_id: &str) -> usize {
    let sent = receiver
        .waiting_for_keys()
        .send_on([Folder::of(UNKNOWN_KEY, key_id)], Duration::from_secs(60))
        .await;
    receiver.drain().await;
    sent.expect("nothing fails").sent
}

#[tokio::test(start_paused = true)]
async fn a_delivery_by_an_unknown_key_waits_in_quarantine_and_is_sent_on_once_when_the_key_comes() {
    let receiver = Receiver::new(1, Policy::Flag);
    let stranger = SigningKey::ed25519_from_seed("forged", Dialect::UnquotedDigest, &[9; 32]).unwrap();
    deliver_by(&receiver, &key(), &order("e1")).await;
    deliver_by(&receiver, &stranger, &order("e2")).await;
    assert_eq!(quarantine(&receiver), ["unknown-key", "unknown-key"]);
    assert!(receiver.aws.messages(DELIVERIES).is_empty(), "no queue holds it");
    receiver.aws.clock().advance(Duration::from_secs(20 * 24 * 3600));

    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    let waiting = receiver.waiting_for_keys();
    let patience = Duration::from_secs(60);
    let (one, other) = tokio::join!(
        waiting.send_on([waits()], patience),
        waiting.send_on([waits()], patience)
    );
    assert_eq!(one.unwrap().sent + other.unwrap().sent, 1);
    receiver.drain().await;
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), ["unknown-key"], "the stranger's stays");
    assert_eq!(send_on(&receiver, KEY_ID).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_delivery_that_cannot_be_sent_on_holds_up_none_behind_it() {
    let receiver = Receiver::new(1, Policy::Flag);
    deliver_by(&receiver, &key(), &order("e1")).await;
    receiver.aws.clock().advance(Duration::from_secs(10));
    deliver_by(&receiver, &key(), &order("e2")).await;
    let objects = receiver.kept();
    let first = objects.keys().next().unwrap();
    let spoil = receiver.aws.s3().put_object().bucket("quarantine").key(first);
    spoil.body(b"no delivery".to_vec().into()).send().await.unwrap();
    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    let sent = receiver
        .waiting_for_keys()
        .send_on([waits()], Duration::from_secs(60))
        .await;
    assert!(sent.is_err(), "what failed is told");
    receiver.drain().await;
    assert_eq!(receiver.stored("events"), ["e2"]);
}

#[tokio::test(start_paused = true)]
async fn the_largest_delivery_that_fits_into_a_message_can_still_be_sent_on() {
    let receiver = Receiver::new(1, Policy::Flag);
    let mut rng = receiver.aws.rng();
    let noise: Vec<u8> = (0..1_000_000).map(|_| rng.draw() as u8).collect();
    let (mut fits, mut too_large) = (700_000, 1_000_000);
    while too_large - fits > 1 {
        let size = usize::midpoint(fits, too_large);
        let headers = sign_with(&key(), &noise[..size], &SignatureOptions::new(COVERED));
        match receiver.post(&headers, &noise[..size]).await.unwrap().0 {
            200 => fits = size,
            _ => too_large = size,
        }
    }
    while receiver.verify_and_store().await.is_some() {}
    let waiting = quarantine(&receiver).len();
    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    let patience = Duration::from_secs(60);
    let sent = receiver.waiting_for_keys().send_on([waits()], patience).await;
    assert_eq!(sent.unwrap().sent, waiting);
    assert!(receiver.aws.messages(DELIVERIES).iter().all(|message| {
        let attributes = message.attributes.iter().map(|(name, value)| {
            name.len() + "String".len() + value.string_value.as_ref().map_or(0, String::len)
        });
        message.body.len() + attributes.sum::<usize>() <= 1_048_576
    }));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_while_a_delivery_is_put_to_wait_verifies_it_at_once() {
    let receiver = Receiver::new(1, Policy::Flag);
    deliver_by(&receiver, &key(), &order("e1")).await;
    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    // That the key is unknown is remembered for some seconds.
    deliver_by(&receiver, &key(), &order("e2")).await;
    assert_eq!(receiver.stored("events"), ["e2"]);
    assert_eq!(quarantine(&receiver), ["unknown-key"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_forged_under_the_id_of_a_key_that_comes_later_is_refused_then() {
    let receiver = Receiver::new(1, Policy::Flag);
    let forger = SigningKey::ed25519_from_seed(KEY_ID, Dialect::UnquotedDigest, &[9; 32]).unwrap();
    deliver_by(&receiver, &forger, &order("e1")).await;
    import_key(&receiver.aws, key().to_jwk().unwrap()).await;
    assert_eq!(send_on(&receiver, KEY_ID).await, 1);
    assert_eq!(quarantine(&receiver), ["bad-signature"]);
    assert_eq!(receiver.stored("events"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_place_where_a_delivery_waited_goes_by_its_message() {
    let receiver = receiver(Policy::Flag).await;
    deliver(&receiver, order("e1").as_bytes()).await;
    deliver_by(
        &receiver,
        &SigningKey::ed25519_from_seed("forged", Dialect::UnquotedDigest, &[9; 32]).unwrap(),
        &order("e2"),
    )
    .await;
    let objects = receiver.kept();
    let archive = receiver.waiting_for_keys().archive;
    for key in objects.keys() {
        let own: uuid::Uuid = key.rsplit('/').next().unwrap().parse().unwrap();
        let is_waiting = quarantine_reason(key) == Some(UNKNOWN_KEY);
        assert!(
            !archive.remove_waiting(key, uuid::Uuid::nil()).await.unwrap(),
            "{key}"
        );
        assert_eq!(
            archive.remove_waiting(key, own).await.unwrap(),
            is_waiting,
            "{key}"
        );
    }
    assert_eq!(receiver.kept().len(), 1, "the verified one stays");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_one_forged_key_id_costs_two_small_reads_and_one_object_for_each() {
    let receiver = receiver(Policy::Flag).await;
    let forger = SigningKey::ed25519_from_seed("forged", Dialect::UnquotedDigest, &[9; 32]).unwrap();
    let body = order("e1");
    for _ in 0..10 {
        let headers = sign_with(&forger, body.as_bytes(), &SignatureOptions::new(COVERED));
        receiver.post(&headers, body.as_bytes()).await.unwrap();
    }
    receiver.aws.clear_calls();
    receiver.verify_and_store().await.unwrap();
    assert!(receiver.aws.count(Service::DynamoDb, "GetItem") <= 20);
    assert_eq!(receiver.aws.count(Service::S3, "PutObject"), 10);
    assert_eq!(
        receiver.aws.calls().len(),
        receiver.aws.count(Service::DynamoDb, "GetItem") + 10
    );
    assert_eq!(
        receiver.aws.messages(DELIVERIES).len(),
        0,
        "each was received once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_signature_headers_is_refused_and_one_too_large_is_413() {
    let receiver = receiver(Policy::Flag).await;
    let unsigned: Headers = [("content-type", "application/json")].into_iter().collect();
    let answer = receiver.post(&unsigned, b"{}").await.unwrap();
    assert_eq!(answer, (401, r#"{"reason":"missing-signature"}"#.to_owned()));
    let mut rng = receiver.aws.rng();
    let noise: Vec<u8> = (0..1_200_000).map(|_| rng.draw() as u8).collect();
    let headers = sign_with(&key(), &noise, &SignatureOptions::new(COVERED));
    assert_eq!(receiver.post(&headers, &noise).await.unwrap().0, 413);
    let large = format!(
        "[{}]",
        event(
            "e1",
            "ORDER.NEW",
            &format!(r#"{{"id":"o1","note":"{}"}}"#, "x".repeat(4_000_000))
        )
    );
    deliver(&receiver, large.as_bytes()).await;
    let logged = receiver.event("e1").await;
    assert_eq!(logged.object, None);
    assert!(logged.archived_at.unwrap().starts_with(VERIFIED_PREFIX));
    assert_eq!(receiver.stored("entities"), ["ORDER#o1"]);
}

#[tokio::test(start_paused = true)]
async fn a_hopeless_message_goes_to_the_dead_letter_queue_and_holds_nothing_up() {
    let receiver = receiver(Policy::Flag).await;
    let url = receiver
        .aws
        .sqs()
        .get_queue_url()
        .queue_name("orders.fifo")
        .send()
        .await
        .unwrap()
        .queue_url
        .unwrap();
    let misrouted = event("e0", "USER.CREATED", r#"{"id":"u1"}"#);
    let poison = receiver
        .aws
        .sqs()
        .send_message()
        .queue_url(url)
        .message_body(misrouted);
    poison
        .message_group_id("ORDER#o1")
        .message_deduplication_id("poison")
        .send()
        .await
        .unwrap();
    let other = event("e2", "ORDER.NEW", r#"{"id":"o2"}"#);
    let body = format!("[{},{other}]", order("e1"));
    let headers = sign_with(&key(), body.as_bytes(), &SignatureOptions::new(COVERED));
    receiver.post(&headers, body.as_bytes()).await.unwrap();
    receiver.verify_and_store().await.unwrap();
    receiver.process(Domain::Orders).await.unwrap();
    assert_eq!(receiver.stored("entities"), ["ORDER#o1", "ORDER#o2"]);
    while receiver.aws.messages("orders-dlq.fifo").is_empty() {
        receiver.process(Domain::Orders).await;
        receiver.aws.clock().advance(Duration::from_secs(1));
    }
    assert_eq!(receiver.waiting(), 1);
}

/// Signs a delivery by several keys, each under a label of its own.
fn signed_by(keys: &[&SigningKey], body: &[u8]) -> Headers {
    let mut headers = sign_with(keys[0], body, &SignatureOptions::new(COVERED));
    for (number, key) in keys.iter().enumerate().skip(1) {
        let more = sign_with(key, body, &SignatureOptions::new(COVERED));
        for name in ["signature", "signature-input"] {
            let label = format!("sig{}=", number + 1);
            let value = more
                .combined(name)
                .expect("it is signed")
                .replacen("sig1=", &label, 1);
            let all = format!("{}, {value}", headers.combined(name).expect("it is signed"));
            headers.set(name, &all);
        }
    }
    headers
}

#[tokio::test(start_paused = true)]
async fn a_delivery_by_several_unknown_keys_is_found_under_each_and_stored_once() {
    let receiver = Receiver::new(1, Policy::Flag);
    let others: Vec<SigningKey> = (0..5)
        .map(|number| {
            let key_id = format!("other-{number}");
            SigningKey::ed25519_from_seed(&key_id, Dialect::UnquotedDigest, &[9; 32]).unwrap()
        })
        .collect();
    let genuine = key();
    let keys: Vec<&SigningKey> = [&others[0], &genuine].into_iter().chain(&others[1..]).collect();
    let body = order("e1");
    let headers = signed_by(&keys, body.as_bytes());
    deliver_with(&receiver, &headers, body.as_bytes()).await;
    assert_eq!(quarantine(&receiver), ["unknown-key"; 4], "four at most");
    let objects = receiver.aws.objects("quarantine");
    let large = objects.values().filter(|object| object.bytes.len() > 256).count();
    assert_eq!(large, 1, "its bytes are there once");

    // Another of its keys does not prove it.
    let wrong = SigningKey::ed25519_from_seed("other-1", Dialect::UnquotedDigest, &[8; 32]).unwrap();
    import_key(&receiver.aws, wrong.to_jwk().unwrap()).await;
    // That a key is unknown is remembered for some seconds.
    receiver.aws.clock().advance(Duration::from_secs(10));
    assert_eq!(send_on(&receiver, "other-1").await, 1);
    assert_eq!(quarantine(&receiver), ["unknown-key"; 4]);
    assert_eq!(
        send_on(&receiver, "other-1").await,
        0,
        "it is not tried by it again"
    );

    import_key(&receiver.aws, genuine.to_jwk().unwrap()).await;
    receiver.aws.clock().advance(Duration::from_secs(10));
    assert_eq!(send_on(&receiver, KEY_ID).await, 1);
    assert_eq!(receiver.stored("events"), ["e1"]);
    assert_eq!(quarantine(&receiver), [""; 0]);
}
