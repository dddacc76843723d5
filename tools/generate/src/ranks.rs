//! Keeps the list of the ranks that names have in the lifecycles of the table.
//!
//! A rank is part of the place that an event got when it was stored, so one that was released never changes. New names are
//! added to the list here; that the old ones keep their rank is a test beside the table.

use crate::category::CATEGORIES;

/// Gives the file's path, below the repository's root.
pub(crate) const FILE: &str = "crates/upvest/src/category/released-ranks.txt";

/// Adds the names that the table has and the list has not, each on a line of its own, at the end.
pub(crate) fn with_new_names(released: &str) -> String {
    let mut list = released.to_owned();
    for row in CATEGORIES {
        for (kind, steps) in [
            ("type", row.lifecycle),
            ("notice", row.notices),
            ("status", row.statuses),
        ] {
            for step in steps {
                for name in step.names {
                    let line = format!("{} {kind} {} {name}\n", row.name, step.rank);
                    let is_new = !list.split_inclusive('\n').any(|listed| listed == line);
                    if is_new {
                        list.push_str(&line);
                    }
                }
            }
        }
    }
    list
}
