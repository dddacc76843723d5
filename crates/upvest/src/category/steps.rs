//! The lifecycles of the table's rows, with the ranks of their steps.
//!
//! What they rank is said in [`Category::rank`](super::Category::rank). Ranks that were released stand in
//! `released-ranks.txt` and never change.

use super::Step;
use super::row::step;

pub(super) const PERSON: &[Step] = &[
    step(10, &["CREATED"]),
    step(20, &["ACTIVATED", "DEACTIVATED"]),
    step(30, &["OFFBOARDING_INITIATED"]),
    step(40, &["OFFBOARDED"]),
];
pub(super) const PERSON_STATUS: &[Step] = &[
    step(20, &["ACTIVE", "INACTIVE"]),
    step(30, &["OFFBOARDING"]),
    step(40, &["OFFBOARDED"]),
];
pub(super) const PERSON_NOTICES: &[Step] = &[step(20, &["DATA_CHANGED"])];
pub(super) const CHECK: &[Step] = &[step(10, &["CREATED"]), step(20, &["PASSED", "FAILED"])];
pub(super) const CHECK_STATUS: &[Step] = &[step(10, &["IN_PROGRESS"]), step(20, &["PASSED", "FAILED"])];
pub(super) const ACCOUNT: &[Step] = &[
    step(10, &["CREATED"]),
    step(20, &["ACTIVATED"]),
    step(30, &["CLOSING_INITIATED"]),
    step(40, &["CLOSED"]),
];
pub(super) const ACCOUNT_STATUS: &[Step] = &[
    step(10, &["PENDING_APPROVAL"]),
    step(20, &["ACTIVE", "LOCKED"]),
    step(30, &["CLOSING"]),
    step(40, &["CLOSED"]),
];
pub(super) const ACCOUNT_NOTICES: &[Step] = &[step(20, &["UPDATED", "LOCKED"])];
pub(super) const PAYMENT: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["CONFIRMED", "CANCELLED"]),
];
pub(super) const TRADE: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["FILLED"]),
    step(40, &["SETTLED", "CANCELLED"]),
];
pub(super) const PLAIN_TRADE: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["FILLED", "CANCELLED"]),
];
pub(super) const SETTLEMENT: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["SETTLED", "CANCELLED"]),
];
// The rank between the two is that of the status PROCESSING, in which they are created.
pub(super) const COLLECTION: &[Step] = &[step(10, &["CREATED"]), step(30, &["FINALISED", "CANCELLED"])];
pub(super) const COLLECTION_STATUS: &[Step] =
    &[step(20, &["PROCESSING"]), step(30, &["FINALISED", "CANCELLED"])];
pub(super) const EXEMPTION_STATUS: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["ACTIVE"]),
    step(30, &["EXPIRED", "CANCELLED"]),
];
pub(super) const ROLE: &[Step] = &[
    step(10, &["CREATED"]),
    step(20, &["ACTIVATED"]),
    step(30, &["DEACTIVATED"]),
];
pub(super) const WRAPPER: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["ACTIVE", "INACTIVE"]),
    step(30, &["CLOSED"]),
];
pub(super) const TOPUP: &[Step] = &[
    // Upvest's releases 1.108 and 1.109 alone had it.
    step(10, &["ISSUED"]),
    step(20, &["CONFIRMED"]),
    step(30, &["SETTLED", "CANCELLED"]),
];
pub(super) const CASH_DECREASE: &[Step] = &[
    step(10, &["ISSUED"]),
    step(20, &["QUEUED"]),
    step(30, &["CONFIRMED", "CANCELLED"]),
];
pub(super) const ACCOUNT_TRANSFER: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["PROCESSING"]),
    step(30, &["PARTIALLY_SETTLED"]),
    step(40, &["SETTLED", "CANCELLED"]),
];
pub(super) const ISA_TRANSFER: &[Step] = &[
    step(10, &["NEW"]),
    step(20, &["DISCOVERY"]),
    step(30, &["DISCOVERY_CONFIRMED"]),
    step(40, &["INSTRUCTED"]),
    step(50, &["PROCESSING"]),
    step(60, &["SETTLED"]),
];
pub(super) const INSTRUMENT: &[Step] = &[step(10, &["ONBOARDED"]), step(20, &["ACTIVATED", "DEACTIVATED"])];
pub(super) const INSTRUMENT_NOTICES: &[Step] = &[step(
    20,
    &[
        "FRACTIONAL_TRADING_ENABLED",
        "FRACTIONAL_TRADING_DISABLED",
        "DATA_CHANGED",
    ],
)];
pub(super) const UPDATED: &[Step] = &[step(10, &["UPDATED"])];
pub(super) const CREATED: &[Step] = &[step(10, &["CREATED"])];
pub(super) const EXECUTED: &[Step] = &[step(10, &["EXECUTED"])];
