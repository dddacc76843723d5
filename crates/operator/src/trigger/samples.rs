//! The sample events that come with the program: those of `events/samples`, which `make run` delivers too.

use upvest::{Event, split};

use crate::error::{Error, Result};
use crate::names::instead;

/// Holds one file of events/samples: a story, as the batch of events that tell it.
struct Story {
    /// Gives the name of the file, which begins with a number.
    file: &'static str,
    json: &'static str,
}

/// Builds the stories into the program.
macro_rules! stories {
    ($($file:literal),+ $(,)?) => {
        &[$(Story {
            file: $file,
            json: include_str!(concat!("../../../../events/samples/", $file, ".json")),
        }),+]
    };
}

const STORIES: &[Story] = stories![
    "01-erika-opens-an-account",
    "02-max-fails-his-identity-check",
    "03-erika-deposits-money",
    "04-an-order-is-filled-in-two-executions",
    "05-an-execution-arrives-before-its-order",
    "06-an-order-is-cancelled",
    "07-a-cancellation-comes-too-late",
    "08-erika-withdraws-money",
    "09-a-report-is-ready",
    "10-a-category-that-nobody-knows-yet",
    "11-the-money-of-the-first-day-is-booked",
    "12-erika-moves-house-and-a-change-of-name-fails",
    "13-erikas-firm-becomes-a-client",
    "14-erika-gets-a-bank-account-of-her-own",
    "15-jane-opens-an-isa",
    "16-erika-pays-by-direct-debit",
    "17-erika-is-funded-on-credit",
    "18-virtual-cash-comes-and-goes",
    "19-the-order-of-two-executions-settles",
    "20-the-other-orders-settle",
    "21-erikas-securities-are-valued",
    "22-the-direct-debit-is-charged-back",
    "23-erika-buys-a-portfolio",
    "24-erika-saves-every-month",
    "25-portfolio-and-savings-plan-settle",
    "26-the-portfolio-is-rebalanced",
    "27-a-fee-is-collected",
    "28-erika-is-exempt-from-some-tax",
    "29-a-dividend-is-announced-and-paid",
    "30-a-tax-is-collected",
    "31-an-instrument-becomes-tradable",
    "32-shares-arrive-from-another-bank",
    "33-a-whole-account-is-transferred",
    "34-janes-isa-moves-to-its-new-home",
    "35-the-second-account-is-liquidated-and-closed",
    "36-a-report-replaces-another",
    "37-the-treasury-reports-the-day",
];

/// Lists the types of which there is a sample, each once, by name.
#[must_use]
pub fn types() -> Vec<String> {
    let events = STORIES.iter().flat_map(Story::events);
    let mut types: Vec<String> = events.map(|event| event.event_type().to_owned()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Lists the names of the stories, in their order.
#[must_use]
pub fn stories() -> Vec<&'static str> {
    STORIES.iter().map(Story::name).collect()
}

/// Finds the first sample of a type, in whatever case, as JSON.
///
/// # Errors
///
/// [`Error`] of the kind usage where there is none, with the nearest type that has one.
pub(super) fn of_type(event_type: &str) -> Result<String> {
    let mut events = STORIES.iter().flat_map(Story::events);
    let found = events.find(|event| event.event_type().eq_ignore_ascii_case(event_type));
    found.map(|event| event.json().to_owned()).ok_or_else(|| {
        let types = types();
        let instead = instead(event_type, types.iter().map(String::as_str));
        Error::usage(format!(
            "there is no sample of {event_type}: {instead} (`trigger --list`)"
        ))
    })
}

/// Finds the events of a story by its name, its number, or both, each as JSON.
///
/// # Errors
///
/// [`Error`] of the kind usage where there is none, with the nearest name.
pub(super) fn of_story(name: &str) -> Result<Vec<String>> {
    let is_meant = |story: &&Story| [story.file, story.name(), story.number()].contains(&name);
    let story = STORIES.iter().find(is_meant).ok_or_else(|| {
        let instead = instead(name, STORIES.iter().map(Story::name));
        Error::usage(format!("there is no story {name}: {instead} (`trigger --list`)"))
    })?;
    Ok(story.events().map(|event| event.json().to_owned()).collect())
}

impl Story {
    fn name(&self) -> &'static str {
        self.file.split_once('-').map_or(self.file, |(_, name)| name)
    }

    fn number(&self) -> &'static str {
        self.file.split_once('-').map_or(self.file, |(number, _)| number)
    }

    fn events(&self) -> impl Iterator<Item = Event<'static>> {
        let parts = split(self.json.as_bytes()).expect("the tests read every sample");
        parts
            .into_iter()
            .map(|part| part.event.expect("the tests read every sample"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_the_repository_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/samples");
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<String> = files
            .filter_map(|file| {
                Some(
                    file.unwrap()
                        .file_name()
                        .to_str()?
                        .strip_suffix(".json")?
                        .to_owned(),
                )
            })
            .collect();
        files.sort_unstable();
        let built_in: Vec<&str> = STORIES.iter().map(|story| story.file).collect();
        assert_eq!(built_in, files);
        assert!(types().len() > 50 && STORIES.iter().all(|story| story.events().next().is_some()));
    }

    #[test]
    fn a_type_is_found_in_any_case_and_one_that_is_mistyped_has_a_nearest() {
        assert!(of_type("order.filled").unwrap().contains("ORDER.FILLED"));
        let error = of_type("ORDER.FILED").unwrap_err();
        assert!(
            error.kind() == crate::ErrorKind::Usage
                && error.to_string().contains("did you mean ORDER.FILLED?"),
            "{error}"
        );
    }

    #[test]
    fn a_story_is_found_by_its_name_and_by_its_number() {
        let story = of_story("an-order-is-filled-in-two-executions").unwrap();
        assert!(story.len() > 3);
        for name in ["04", "04-an-order-is-filled-in-two-executions"] {
            assert_eq!(of_story(name).unwrap(), story, "{name}");
        }
        let error = of_story("an-order-is-cancelled-too").unwrap_err();
        assert!(
            error.kind() == crate::ErrorKind::Usage
                && error.to_string().contains("did you mean an-order-is-cancelled?"),
            "{error}"
        );
    }
}
