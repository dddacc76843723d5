//! The parts of an entity: executions of an order, checks of a user ...

use std::collections::BTreeMap;

use super::{Applied, keep_newest};
use crate::event::Event;
use crate::occurred::Occurred;
use crate::packing::{Packer, PackingError, Unpacker};

/// Bounds a text that is kept of a part, in bytes: a decimal of 63 and 27 digits with its sign and point.
const MAX_FIGURE_BYTES: usize = 92;

/// Holds the newest that is known of one part of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Places the event that told it in the time line, with that event's id.
    pub occurred: Occurred,
    /// Names the part's status (an execution's, a check's), if it has one.
    pub status: Option<String>,
    /// Holds what the category table keeps of its object, in the table's order; `None` for what is not there as a text.
    pub figures: Vec<Option<String>>,
}

impl Part {
    /// Reads a part off its event.
    pub(super) fn of(event: &Event<'_>, figures: &[&str], occurred: &Occurred) -> Self {
        let figure = |path: &&str| {
            let text = event.fields().figure(path)?;
            (text.len() <= MAX_FIGURE_BYTES).then(|| text.into_owned())
        };
        Self {
            occurred: occurred.clone(),
            status: event.status().map(|status| status.into_owned()),
            figures: figures.iter().map(figure).collect(),
        }
    }

    /// Makes a part of which nothing is known but its event.
    pub(super) fn bare(occurred: Occurred) -> Self {
        Self {
            occurred,
            status: None,
            figures: Vec::new(),
        }
    }
}

/// Holds the parts of one kind that an entity has, by their id, or by their event's where they have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts(BTreeMap<String, Part>);

impl Parts {
    /// Finds the part of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Part> {
        self.0.get(id)
    }

    /// Lists the parts in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Part)> {
        self.0.iter().map(|(id, part)| (id.as_str(), part))
    }

    /// Counts the parts that are kept, which may be fewer than there have been.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether the entity has no part of the kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts the newer of two versions of a part into place.
    pub(super) fn replace(&mut self, id: String, part: Part) -> Applied {
        match self.0.get(&id) {
            Some(newest) if newest.occurred == part.occurred => Applied::Duplicate,
            Some(newest) if newest.occurred > part.occurred => Applied::Late,
            _ => {
                self.0.insert(id, part);
                Applied::Fresh
            }
        }
    }

    /// Drops the oldest where there is one too many, and names it.
    pub(super) fn keep_newest(&mut self, most: usize) -> Option<String> {
        keep_newest(&mut self.0, most, |part| &part.occurred)
    }

    /// Packs the parts into few bytes, so that an order with 2,000 executions fits into an item.
    ///
    /// A part takes at most 180 bytes, where its id and its event's are UUIDs, its status has at most 20 bytes and its two
    /// figures have all the 63 and 27 digits that Upvest allows; an execution as it is sent takes about 60.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::new(self.0.len());
        for (id, part) in &self.0 {
            packer.text(id);
            packer.occurred(&part.occurred);
            packer.optional(part.status.as_deref());
            packer.count(part.figures.len());
            for figure in &part.figures {
                packer.optional(figure.as_deref());
            }
        }
        packer.finish()
    }

    /// Takes the parts out of what [`Parts::pack`] made.
    ///
    /// # Errors
    ///
    /// [`PackingError`] when it did not make these bytes, as when somebody edited an item by hand.
    pub fn unpack(bytes: &[u8]) -> Result<Self, PackingError> {
        let mut unpacker = Unpacker::new(bytes)?;
        let mut parts = BTreeMap::new();
        while !unpacker.is_at_end() {
            let id = unpacker.text()?;
            let part = Part {
                occurred: unpacker.occurred()?,
                status: unpacker.optional()?,
                figures: (0..unpacker.count()?)
                    .map(|_| unpacker.optional())
                    .collect::<Result<_, _>>()?,
            };
            parts.insert(id, part);
        }
        unpacker.finish(parts.len())?;
        Ok(Self(parts))
    }
}
