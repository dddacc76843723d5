//! How every repair tells what came of it: what was done, what was not found, what ended it early.

use std::collections::BTreeMap;
use std::fmt::Display;

use operator::repair::Ending;

use super::joined;

/// Tells what came of a repair. `done` says in one word, or two, what it does: `sent back`.
///
/// One that the operator declined has nothing else to tell; `report` writes what the others have.
pub(crate) fn repair_text(ending: &Ending, done: &str, report: impl FnOnce() -> String) -> String {
    if ending.declined {
        return format!("nothing was {done}");
    }
    let mut text = report();
    if let Some(failure) = &ending.failure {
        text.push_str(&format!(
            "\nended early: {failure}\n  hint: what was done stays done; run the command again"
        ));
    }
    if ending.dry_run {
        text.push_str(&format!("\ndry run: nothing was {done}"));
    }
    text
}

/// Tells of each id that was given and not found, in a line of its own.
pub(crate) fn missing(ids: &[impl Display], why: &str) -> String {
    ids.iter().map(|id| format!("\n{id}: {why}")).collect()
}

/// Counts how often each name comes, for a question: `2 × ORDER.FILLED, 1 × ORDER.NEW`.
pub(crate) fn counted<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    joined(counts.iter().map(|(name, count)| format!("{count} × {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending() -> Ending {
        Ending::default()
    }

    #[test]
    fn a_declined_repair_tells_that_nothing_was_done_and_no_more() {
        let declined = Ending {
            declined: true,
            ..ending()
        };
        let text = repair_text(&declined, "sent back", || panic!("there is nothing to report"));
        assert_eq!(text, "nothing was sent back");
    }

    #[test]
    fn what_ended_a_repair_early_and_a_dry_run_are_told_last() {
        let failed = Ending {
            failure: Some("throttled".to_owned()),
            dry_run: true,
            ..ending()
        };
        assert_eq!(
            repair_text(&failed, "sent back", || "3 messages".to_owned()),
            "3 messages\nended early: throttled\n  hint: what was done stays done; run the command again\n\
             dry run: nothing was sent back"
        );
        assert_eq!(
            repair_text(&ending(), "sent back", || "3 messages".to_owned()),
            "3 messages"
        );
    }
}
