//! What fits into an item.

use serde_json::json;
use upvest::packing::PackingError;
use upvest::projection::Parts;

use super::support::{Logged, event, fold};

/// An execution with ids as Upvest's, and the given figures.
fn execution(number: usize, figure: &str) -> Logged {
    let object = json!({
        "id": format!("b40f4631-e83b-4737-a003-{number:012x}"), "order_id": "o1", "status": "CANCELLED",
        "share_quantity": figure, "cash_amount": figure, "updated_at": "2026-01-01T00:00:00.123456789012Z",
    });
    let id = format!("8962b496-8d42-4560-bfab-{number:012x}");
    let json = event(&id, "EXECUTION.CANCELLED", 0, &object).replace(":00Z", ":00.987654321987Z");
    Logged::new(&json, 0, 19_999)
}

fn executions(count: usize, figure: &str) -> Parts {
    let events: Vec<Logged> = (0..count).map(|number| execution(number, figure)).collect();
    fold(&events).parts["executions"].clone()
}

#[test]
fn a_part_takes_at_most_180_bytes_and_2000_of_them_fit_into_an_item() {
    // As wide as Upvest's schema allows: 63 digits before the point, 27 after it, and a sign.
    let widest = format!("-{}.{}", "9".repeat(63), "9".repeat(27));
    let empty = Parts::default().pack().len();
    let one = executions(1, &widest).pack().len() - empty;
    assert!(one <= 180, "{one}");
    let all = executions(2_000, &widest);
    let packed = all.pack();
    assert!(packed.len() < 370 * 1024, "{}", packed.len());
    assert_eq!(Parts::unpack(&packed).unwrap(), all);
    let usual = executions(1, "852.20").pack().len() - empty;
    assert!(usual <= 110, "{usual}");
}

#[test]
fn parts_that_were_changed_by_hand_are_refused() {
    let packed = executions(3, "1").pack();
    for at in 0..packed.len() {
        assert_eq!(Parts::unpack(&packed[..at]), Err(PackingError), "cut at {at}");
    }
    let mut other_format = packed.clone();
    other_format[0] = 2;
    assert_eq!(Parts::unpack(&other_format), Err(PackingError));
    assert_eq!(
        Parts::unpack(&[packed.as_slice(), &[0]].concat()),
        Err(PackingError)
    );
}

#[test]
fn texts_of_every_kind_come_back_as_they_were() {
    for id in [
        "b40f4631-e83b-4737-a003-c0cb36382bc5",
        "B40F4631-E83B-4737-A003-C0CB36382BC5",
        "b40f4631xe83b-4737-a003-c0cb36382bc5",
        "100000000000000000001",
        "-1.5",
        "x",
        "--",
    ] {
        for figure in ["", "1.50", "-0.1", "ten", "12345"] {
            let object = json!({ "id": id, "order_id": "o1", "share_quantity": figure });
            let parts = fold(&[Logged::new(&event("e1", "EXECUTION.FILLED", 0, &object), 0, 0)]).parts;
            let executions = &parts["executions"];
            assert_eq!(
                Parts::unpack(&executions.pack()).as_ref(),
                Ok(executions),
                "{id} {figure}"
            );
        }
    }
}
