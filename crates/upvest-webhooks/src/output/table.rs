//! Tables that fit the terminal.
//!
//! Cells are broken between words. Where even that does not do, a row becomes a block of lines, one for each column: an id
//! that is broken in two can neither be read nor copied.

use std::fmt;

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};

use super::harmless_line;
use super::layout::width;

/// Draws columns side by side, and one line under their names.
const RULE_UNDER_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Counts the spaces beside the content of a cell.
const PADDING: usize = 2;

/// Holds rows under a header, to be laid out when they are printed.
#[derive(Debug)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Holds a table with a row for each thing, which is written column by column.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    things: Vec<T>,
    table: Table,
}

/// Begins a table with a row for each of these things; its columns come next.
pub(crate) fn rows_of<T: Copy>(things: impl IntoIterator<Item = T>) -> Rows<T> {
    let things: Vec<T> = things.into_iter().collect();
    let rows = vec![Vec::new(); things.len()];
    let table = Table {
        header: Vec::new(),
        rows,
    };
    Rows { things, table }
}

impl<T: Copy> Rows<T> {
    /// Adds a column: its name, and what it says of each thing.
    pub(crate) fn column<C: ToString>(mut self, name: &str, cell: impl Fn(T) -> C) -> Self {
        self.table.header.push(name.to_owned());
        for (row, thing) in self.table.rows.iter_mut().zip(&self.things) {
            row.push(harmless_line(&cell(*thing).to_string()));
        }
        self
    }

    /// Adds a column that is empty where there is nothing to say of a thing.
    pub(crate) fn optional<C: ToString>(self, name: &str, cell: impl Fn(T) -> Option<C>) -> Self {
        self.column(name, |thing| {
            cell(thing).map(|cell| cell.to_string()).unwrap_or_default()
        })
    }

    /// Writes the table as lines of a text, or this line where there is nothing to list.
    pub(crate) fn or(self, line: String) -> String {
        match self.things.is_empty() {
            true => line + "\n",
            false => format!("{}\n", self.table),
        }
    }

    /// Writes the table below a heading; nothing where there is nothing to list.
    pub(crate) fn below(self, heading: &str) -> String {
        match self.things.is_empty() {
            true => String::new(),
            false => format!("{heading}\n{}\n", self.table),
        }
    }
}

impl<T> fmt::Display for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.table, f)
    }
}

impl Table {
    /// Gives the columns that a table needs in which no word is broken, with the spaces between them.
    fn least_widths(&self) -> Vec<usize> {
        let longest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let words = cells
                .chain(self.header.get(column))
                .flat_map(|cell| cell.split_whitespace());
            words.map(|word| word.chars().count()).max().unwrap_or(0)
        };
        (0..self.header.len())
            .map(|column| longest(column) + PADDING)
            .collect()
    }

    fn drawn(&self, columns: Option<usize>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(RULE_UNDER_HEADER).set_header(&self.header);
        table.add_rows(&self.rows);
        if let Some(columns) = columns {
            let narrowest = |width: usize| ColumnConstraint::LowerBoundary(Width::Fixed(narrow(width)));
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(narrow(columns))
                .set_constraints(self.least_widths().into_iter().map(narrowest));
        }
        table.to_string()
    }

    /// Writes each row as lines with the names of its columns; what is empty is left out.
    fn blocks(&self) -> String {
        let names = self
            .header
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(0);
        let block = |row: &Vec<String>| {
            let cells = self
                .header
                .iter()
                .zip(row)
                .filter(|(_, cell)| !cell.trim().is_empty());
            let lines = cells.map(|(name, cell)| super::paragraph(&format!(" {name:names$}   "), cell));
            lines.collect::<Vec<_>>().join("\n")
        };
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
    }
}

fn narrow(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = self.header.len().saturating_sub(1);
        let least = self.least_widths().iter().sum::<usize>() + between;
        match width() {
            Some(columns) if least > columns && !self.rows.is_empty() => f.write_str(&self.blocks()),
            columns => f.write_str(&self.drawn(columns)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::laid_out;
    use super::*;

    const ID: &str = "9fc8c651-1a1d-47c4-b0c2-1f724601ecf4";

    fn filled() -> String {
        let why = "the signature does not hold under the key that it names";
        rows_of([(ID, why), ("b", "expired")])
            .column("id", |(id, _)| id)
            .column("found", |(_, found)| found)
            .to_string()
    }

    fn widest(text: &str) -> usize {
        text.lines()
            .map(|line| line.trim_end().chars().count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn columns_are_aligned() {
        let text = filled();
        let lines: Vec<&str> = text.lines().collect();
        let column = |line: &str, text: &str| line[..line.find(text).unwrap()].chars().count();
        assert_eq!(column(lines[0], "found"), column(lines[2], "the signature"));
        assert_eq!(column(lines[0], "found"), column(lines[3], "expired"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_narrow_table_is_broken_between_words_alone() {
        let text = laid_out(Some(64), filled);
        assert!(widest(&text) <= 64, "{text}");
        assert!(text.contains(ID) && text.contains("signature"), "{text}");
        assert_eq!(text.lines().next().map(|line| line.contains("found")), Some(true));
    }

    #[test]
    fn a_table_that_cannot_be_made_narrow_becomes_blocks() {
        let text = laid_out(Some(44), filled);
        let expected = format!(
            " id      {ID}\n found   the signature does not hold under\n         the key that it names\n\n id      b\n found   expired"
        );
        assert_eq!(text, expected);
    }
}
