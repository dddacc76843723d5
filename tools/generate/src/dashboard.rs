//! What `infra/dashboard.yaml` repeats: a line for each domain in its graphs, and the variables that these lines name.
//!
//! The graphs are JSON within a text, where no comment can mark a region. There a run of lines that name a numbered
//! variable, `${Queue0}` for example, is written from the first line of the run.

use crate::category::Domain;

/// Makes the numbered variables of the dashboard, and the parameters that list their values.
const VARIABLES: [(&str, &str); 3] = [
    ("Queue", "DomainQueueNames"),
    ("DeadLetterQueue", "DomainDeadLetterQueueNames"),
    ("Function", "DomainFunctionNames"),
];

/// Makes the regions of the dashboard by name, with their lines.
pub(crate) fn regions() -> Vec<(&'static str, Vec<String>)> {
    let variables = VARIABLES.into_iter().flat_map(|(variable, list)| {
        (0..Domain::ALL.len())
            .map(move |number| format!("{variable}{number}: !Select [\"{number}\", !Ref {list}]"))
    });
    vec![("variables", variables.collect())]
}

/// Writes each run of numbered lines with one line for each domain.
pub(crate) fn with_a_row_for_each_domain(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let Some(row) = Row::parse(line) else {
            written.push_str(line);
            continue;
        };
        let mut last = line;
        while let Some(next) =
            lines.next_if(|next| Row::parse(next).is_some_and(|next| next.variable == row.variable))
        {
            last = next;
        }
        for (number, domain) in Domain::ALL.into_iter().enumerate() {
            written.push_str(&row.of_domain(number, domain));
            // What follows the run decides whether its last line has a comma.
            let is_last = number + 1 == Domain::ALL.len();
            let has_comma = !is_last || last.trim_end().ends_with(',');
            written.push_str(if has_comma { ",\n" } else { "\n" });
        }
    }
    written
}

/// Holds a line of a graph that names a numbered variable.
struct Row<'t> {
    before: &'t str,
    variable: &'static str,
}

impl<'t> Row<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        VARIABLES.into_iter().find_map(|(variable, _)| {
            let (before, after) = line.split_once(&format!("\"${{{variable}"))?;
            after
                .starts_with(|c: char| c.is_ascii_digit())
                .then_some(Self { before, variable })
        })
    }

    fn of_domain(&self, number: usize, domain: Domain) -> String {
        let Self { before, variable } = self;
        format!(r#"{before}"${{{variable}{number}}}",{{"label":"{domain}"}}]"#)
    }
}
