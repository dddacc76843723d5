//! What is measured: which function, with how many events, and for how long.

use crate::inputs::Input;

/// Names a step on the way of an event, which a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Takes a request and sends it to the deliveries queue.
    Ingest,
    /// Verifies, archives, stores and dispatches.
    Verify,
    /// Folds events into orders.
    Orders,
}

impl Stage {
    /// Lists the stages in the order of an event's way.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Verify, Self::Orders];

    /// Gives the name by which cases and ratios begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Verify => "verify",
            Self::Orders => "orders",
        }
    }

    /// Names the function's binary.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Verify => "verify-and-store",
            Self::Orders => "orders",
        }
    }

    /// Gives the memory of the function in the template, in GB, by which Lambda bills its time.
    #[must_use]
    pub const fn gigabytes(self) -> f64 {
        match self {
            Self::Ingest | Self::Orders => 0.25,
            Self::Verify => 0.5,
        }
    }

    /// Names the case by which cold starts are measured: a usual first invocation.
    #[must_use]
    pub const fn cold_case(self) -> &'static str {
        match self {
            Self::Ingest => "ingest-10",
            Self::Verify => "verify-10",
            Self::Orders => "orders-1",
        }
    }
}

/// Describes one measurement: a function, its invocations, and how many of them count.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Gives the name by which the report knows it.
    pub name: &'static str,
    /// Names the function.
    pub stage: Stage,
    /// Says what the function is invoked with.
    pub input: Input,
    /// Counts the first invocations, which are not measured.
    pub warm_up: usize,
    /// Bounds the invocations that are measured, in each process.
    pub counted: usize,
    /// Tells whether a peer that calls AWS for each event would take minutes, and is left out.
    pub is_long: bool,
}

const fn case(name: &'static str, stage: Stage, input: Input) -> Case {
    Case {
        name,
        stage,
        input,
        warm_up: 5,
        counted: 60,
        is_long: false,
    }
}

const fn long(name: &'static str, stage: Stage, input: Input) -> Case {
    Case {
        warm_up: 1,
        counted: 8,
        is_long: true,
        ..case(name, stage, input)
    }
}

/// Lists all cases, in the order of the report.
pub const CASES: [Case; 14] = [
    case("ingest-1", Stage::Ingest, Input::Requests { events: 1 }),
    case("ingest-10", Stage::Ingest, Input::Requests { events: 10 }),
    case("ingest-100", Stage::Ingest, Input::Requests { events: 100 }),
    case("ingest-500", Stage::Ingest, Input::Requests { events: 500 }),
    long("ingest-5000", Stage::Ingest, Input::Requests { events: 5_000 }),
    case(
        "verify-1",
        Stage::Verify,
        Input::Deliveries {
            events: 1,
            together: 1,
        },
    ),
    case(
        "verify-10",
        Stage::Verify,
        Input::Deliveries {
            events: 10,
            together: 1,
        },
    ),
    case(
        "verify-100",
        Stage::Verify,
        Input::Deliveries {
            events: 100,
            together: 1,
        },
    ),
    long(
        "verify-500",
        Stage::Verify,
        Input::Deliveries {
            events: 500,
            together: 1,
        },
    ),
    long(
        "verify-5000",
        Stage::Verify,
        Input::Deliveries {
            events: 5_000,
            together: 1,
        },
    ),
    case(
        "verify-10x10",
        Stage::Verify,
        Input::Deliveries {
            events: 10,
            together: 10,
        },
    ),
    case("orders-1", Stage::Orders, Input::Orders { together: 1 }),
    case("orders-10", Stage::Orders, Input::Orders { together: 10 }),
    // Sixty batches bring the order to 600 parts, and those after them are measured.
    Case {
        warm_up: 61,
        counted: 20,
        is_long: true,
        ..case("orders-600-parts", Stage::Orders, Input::Executions)
    },
];

impl Case {
    /// Counts the events of an invocation.
    #[must_use]
    pub const fn events(&self) -> usize {
        match self.input {
            Input::Requests { events } => events,
            Input::Deliveries { events, together } => events * together,
            Input::Orders { together } => together,
            Input::Executions => crate::inputs::EXECUTIONS_TOGETHER,
        }
    }

    /// Counts the invocations that a process gets at most.
    #[must_use]
    pub const fn invocations(&self) -> usize {
        self.warm_up + self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_cases_and_its_cold_start_is_one_of_them() {
        for stage in Stage::ALL {
            let mut of_stage = CASES.iter().filter(|case| case.stage == stage);
            assert!(of_stage.all(|case| case.name.starts_with(stage.name())));
            assert!(CASES.iter().any(|case| case.name == stage.cold_case()));
        }
    }

    #[test]
    fn the_events_of_an_invocation_are_those_of_all_its_deliveries() {
        let events = |name| CASES.iter().find(|case| case.name == name).map(Case::events);
        assert_eq!(events("verify-10x10"), Some(100));
        assert_eq!(events("orders-600-parts"), Some(10));
    }
}
