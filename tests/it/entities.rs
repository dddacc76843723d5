//! The entities table, as processors write it.

use pipeline::stores::entities::{Entities, EntityError, Stored};
use upvest::EntityKey;
use verify_and_store::Policy;

use crate::support::{deliver_events, event_at, receiver};

/// The table of [`Entities::save`]: of two writers that read the same version, one wins.
#[tokio::test(start_paused = true)]
async fn a_state_is_written_over_the_version_before_it_and_over_no_other() {
    let receiver = receiver(Policy::Flag).await;
    let entities = Entities::new(receiver.aws.dynamodb().clone(), "entities".to_owned());
    let order = event_at("e1", 1, "ORDER.NEW", r#"{"id":"o1","status":"NEW"}"#);
    deliver_events(&receiver, &[order]).await;
    let known = EntityKey::from_stored("ORDER#o1".to_owned());
    let unknown = EntityKey::from_stored("ORDER#o2".to_owned());
    let stored = entities.load(&known).await.unwrap().unwrap();
    let state = |version| Stored {
        version,
        ..stored.clone()
    };
    for (entity, version, in_table) in [
        (&known, 1, Some(1)),
        (&known, 2, Some(1)),
        (&known, 4, Some(2)),
        (&known, 2, Some(2)),
        (&unknown, 4, None),
        (&unknown, 1, None),
    ] {
        let before = entities.load(entity).await.unwrap().map(|stored| stored.version);
        assert_eq!(before, in_table, "{entity}");
        let result = entities.save(entity, &state(version)).await;
        let next = in_table.unwrap_or(0) + 1;
        if version == next {
            result.unwrap();
        } else {
            let refused = matches!(result, Err(EntityError::Changed(_)));
            assert!(refused, "version {version} over {in_table:?}: {result:?}");
        }
    }
}
