//! Ids of ours on the command line.

use uuid::Uuid;

/// Reads the id of a delivery in quarantine.
///
/// # Errors
///
/// How such an id looks, and what lists them.
pub(crate) fn quarantined(text: &str) -> Result<Uuid, String> {
    id(text, "quarantine list")
}

/// Reads the id of an operation that is on record.
///
/// # Errors
///
/// How such an id looks, and what lists them.
pub(crate) fn operation(text: &str) -> Result<Uuid, String> {
    id(text, "audit list")
}

fn id(text: &str, list: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| {
        format!(
            "expected an id like 019b76da-a87b-7def-8123-456789abcdef, as `upvest-webhooks {list}` shows them"
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn what_is_no_id_is_answered_with_how_one_looks_and_what_lists_them() {
        assert_eq!(operation(&Uuid::nil().to_string()), Ok(Uuid::nil()));
        for (read, list) in [
            (quarantined("nothing"), "`upvest-webhooks quarantine list`"),
            (operation("019b76da"), "`upvest-webhooks audit list`"),
        ] {
            let told = read.unwrap_err();
            assert!(
                told.contains("an id like 019b76da-a87b-7def") && told.contains(list),
                "{told}"
            );
        }
    }

    #[test]
    fn no_command_answers_in_the_words_of_the_parser_of_ids() {
        for line in [
            "quarantine show nothing",
            "quarantine reverify nothing --reason test",
            "quarantine discard nothing --reason test",
            "audit show nothing",
            "replay --resume nothing",
        ] {
            let words = std::iter::once("upvest-webhooks").chain(line.split_whitespace());
            let told = crate::Cli::try_parse_from(words).unwrap_err().to_string();
            assert!(told.contains("expected an id like"), "{line}: {told}");
        }
    }
}
