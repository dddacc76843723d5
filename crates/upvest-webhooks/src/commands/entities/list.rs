//! `entities list`: the entities of a person.

use operator::entities::UserEntities;

use crate::output::Report;

impl Report for UserEntities {
    fn text(&self) -> String {
        self.entities.iter().map(|entity| format!("{entity}\n")).collect()
    }
}
