//! Computes figures of an entity's whole state, such as sums over the executions of an order.

use std::collections::{BTreeMap, BTreeSet};

use super::value::{Derived, UnreadableError, Values, decimal};
use super::{Part, Parts, Projection, figures};
use crate::decimal::Decimal;
use crate::entity_key::EntityKey;
use crate::occurred::Occurred;

/// Lists the statuses in which a deposit is booked: the money can be invested.
const BOOKED: [&str; 2] = ["CONFIRMED", "SETTLED"];

impl Projection {
    /// Computes what follows from the state of an entity of this type, by attribute name.
    ///
    /// | entity type | attributes |
    /// |---|---|
    /// | `ORDER` | `filled_quantity`, `filled_amount`, `cancellation_reason` |
    /// | `USER`, `BUSINESS` | `cleared` |
    /// | `TOPUP`, `DIRECT_DEBIT`, `CREDIT_FUNDING`, `VIRTUAL_CASH_INCREASE` | `funds_available`, `cancellation_reason` |
    /// | `WITHDRAWAL`, `VIRTUAL_CASH_DECREASE` | `cancellation_reason` |
    /// | `CASH_BALANCE` | `cash_available` |
    /// | `CASH_TRANSACTION`, `SECURITY_TRANSACTION` | `cancels`, `charged_back` |
    /// | `FEE_COLLECTION`, `TAX_COLLECTION` | `processed_total`, `outstanding` |
    ///
    /// A value that needs a figure which is no decimal is left out; `unreadable` names the figure.
    #[must_use]
    pub fn derived(&self, entity_type: &str) -> BTreeMap<String, Derived> {
        let mut values = Values::default();
        if let Some(newest) = &self.newest {
            values.values.clone_from(&newest.values);
            values.unreadable.clone_from(&newest.unreadable);
        }
        match entity_type {
            "ORDER" => sum_executions(self.parts.get("executions"), &mut values),
            "USER" | "BUSINESS" => values.flag("cleared", self.is_cleared()),
            "TOPUP" | "DIRECT_DEBIT" | "CREDIT_FUNDING" | "VIRTUAL_CASH_INCREASE" => {
                let booked = self.status().is_some_and(|status| BOOKED.contains(&status));
                values.flag("funds_available", booked);
            }
            _ => {}
        }
        let Values {
            values: mut derived,
            unreadable,
        } = values;
        if !unreadable.is_empty() {
            derived.insert(figures::UNREADABLE.to_owned(), Derived::Texts(unreadable));
        }
        derived
    }

    /// Lists the other entities that the entity's newest object names; at most 32.
    #[must_use]
    pub fn related(&self) -> BTreeSet<EntityKey> {
        self.newest
            .as_ref()
            .map(|newest| newest.related.clone())
            .unwrap_or_default()
    }

    /// Finds the user whose entity it is; `None` where the newest object names none.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.newest.as_ref()?.user_id.as_deref()
    }

    /// Tells whether a user, or a business, may invest: it is `ACTIVE`, there is at least one due-diligence check, and the
    /// newest check of each type passed. An older check of the same type, failed or expired, does not count.
    fn is_cleared(&self) -> bool {
        let mut newest: BTreeMap<Option<&str>, (&Occurred, bool)> = BTreeMap::new();
        for (_, check) in self.parts.get("checks").into_iter().flat_map(Parts::iter) {
            let passed = (&check.occurred, check.status.as_deref() == Some("PASSED"));
            // Places are all different, so the greater of two pairs is that of the newer check.
            let entry = newest.entry(figure(check, 0)).or_insert(passed);
            *entry = passed.max(*entry);
        }
        !newest.is_empty() && newest.values().all(|(_, passed)| *passed) && self.status() == Some("ACTIVE")
    }
}

/// Computes `filled_quantity` and `filled_amount`: exact sums over the order's executions that were not cancelled, once
/// there is an execution.
fn sum_executions(executions: Option<&Parts>, values: &mut Values) {
    let Some(executions) = executions else {
        return;
    };
    // In the order of the figures in the category table's row of executions.
    for (index, (name, field)) in [
        ("filled_quantity", "share_quantity"),
        ("filled_amount", "cash_amount"),
    ]
    .into_iter()
    .enumerate()
    {
        let effective = executions
            .iter()
            .filter(|(_, execution)| execution.status.as_deref() != Some("CANCELLED"));
        let sum: Result<Decimal, UnreadableError> = effective
            .map(|(id, execution)| decimal(figure(execution, index), &format!("executions.{id}.{field}")))
            .sum();
        values.figure(name, sum);
    }
}

fn figure(part: &Part, index: usize) -> Option<&str> {
    part.figures.get(index)?.as_deref()
}
