//! What docs/getting-started.md shows: its actions, as they stand there, its commands, and its parts of the template.

pub mod desk;
pub mod logged;

const PAGE: &str = include_str!("../../docs/getting-started.md");
/// Gives the line of the template after which the page puts variables.
const VARIABLES: &str = "              DOMAIN: !FindInMap [Domains, !Ref Domain, Name]\n";
/// Gives the line before which it puts resources.
const END_OF_RESOURCES: &str = "\nOutputs:\n";

/// Lists the page's blocks of a language, in their order.
pub fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(fence.as_str()).skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect()
}

/// Adds to a template what the page does, where the page says: two variables, a secret and a policy.
///
/// # Panics
///
/// If the page has other parts, or the template no place for them.
pub fn with_own_parts(template: &str) -> String {
    let (variables, resources): (Vec<_>, Vec<_>) = blocks("yaml")
        .into_iter()
        .partition(|block| block.starts_with("              "));
    assert_eq!((variables.len(), resources.len()), (2, 2));
    let variables = format!("{VARIABLES}{}", variables.concat());
    let resources = format!(
        "\n{}\n{END_OF_RESOURCES}",
        resources.concat().trim_end_matches('\n')
    );
    let parts = [(VARIABLES, variables), (END_OF_RESOURCES, resources)];
    parts
        .into_iter()
        .fold(template.to_owned(), |template, (mark, part)| {
            assert_eq!(template.matches(mark).count(), 1, "{mark}");
            template.replace(mark, &part)
        })
}
