//! Which rooms of the pipeline use each other: no use leads back to where it began, so that each room can be read with those
//! below it alone. Cargo refuses crates in a circle, and knows nothing of the rooms of one.

use std::collections::{BTreeMap, BTreeSet};

use super::circles::{Graph, Module, circles_of_more_than, graph};

/// Names the crate whose rooms are meant.
const CRATE: &str = "crates/pipeline/src";

/// Names the room that a module is in; `None` for what is in none: another crate, the root, tests.
fn room_of(module: &Module) -> Option<&str> {
    let [folder, room, parts @ ..] = &module[..] else {
        return None;
    };
    let is_of_tests = parts.iter().any(|part| part.ends_with("tests"));
    (folder == CRATE && !is_of_tests).then_some(room)
}

/// Tells of each room which others it uses.
fn rooms(graph: &Graph) -> Graph {
    let mut rooms: Graph = BTreeMap::new();
    for (module, used) in graph {
        let Some(room) = room_of(module) else { continue };
        let others = used.iter().filter_map(room_of).filter(|used| *used != room);
        let others = others.map(|used| vec![used.to_owned()]);
        rooms.entry(vec![room.to_owned()]).or_default().extend(others);
    }
    rooms
}

fn room(name: &str) -> Module {
    vec![name.to_owned()]
}

#[test]
fn no_rooms_of_the_pipeline_use_each_other_in_a_circle() {
    let rooms = rooms(&graph());
    let used = &rooms[&room("processor")];
    for below in ["actions", "envelope", "queues", "runtime", "stores"] {
        assert!(used.contains(&room(below)), "processor uses {below}");
    }
    assert_eq!(
        circles_of_more_than(0, &rooms),
        BTreeSet::new(),
        "put what both use below both"
    );
}

#[test]
fn rooms_whose_parts_use_each_other_are_found_and_their_tests_may() {
    let part = |room: &str, part: &str| [CRATE, room, part].map(str::to_owned).to_vec();
    let uses = |from: Module, to: Module| [(to.clone(), BTreeSet::new()), (from, BTreeSet::from([to]))];
    let down = uses(part("queues", "sent"), part("stores", "kept"));
    let up = uses(part("stores", "read"), part("queues", "received"));
    let of_tests = uses(part("stores", "tests"), part("queues", "received"));
    let both = rooms(&down.clone().into_iter().chain(up).collect());
    let (queues, stores) = (room("queues"), room("stores"));
    assert_eq!(
        circles_of_more_than(0, &both),
        BTreeSet::from([vec![&queues, &stores]])
    );
    let one_way = rooms(&down.into_iter().chain(of_tests).collect());
    assert_eq!(circles_of_more_than(0, &one_way), BTreeSet::new());
}
