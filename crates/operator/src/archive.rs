//! Whether the signed deliveries are all there, and say what the log says; sending again what the log lacks.

mod delivery;
mod report;
mod resend;
mod verify;

pub use report::{Finding, Problem, VerifyReport};
pub use resend::{ResendReport, Unreadable, resend};
pub use verify::verify;
