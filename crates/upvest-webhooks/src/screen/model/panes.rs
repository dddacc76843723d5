//! What is read because somebody asked for it: the object of an event, and explanations.

use operator::explain::Explanation;

use super::App;

/// Says how far the object of the selected event is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::screen) enum Object {
    /// Nobody asked for the object, which may hold personal data.
    #[default]
    Hidden,
    /// The object was asked for, and is being read.
    Reading,
    /// The object is shown as it was delivered, indented.
    Shown(String),
    /// The object cannot be had, for this reason.
    Unreadable(String),
}

/// Holds the explanation of an entity, an event or a delivery, and where the operator is in it.
#[derive(Debug)]
pub(in crate::screen) struct Explained {
    pub(in crate::screen) subject: String,
    pub(in crate::screen) offset: u16,
    /// Tells what the stores say, without objects, or why they could not be read; `None` while they are being read.
    pub(in crate::screen) account: Option<Result<Box<Explanation>, String>>,
}

impl App {
    /// Shows the object that was read, if its event is still selected.
    pub(in crate::screen) fn show_object(&mut self, read: Result<Option<String>, String>) {
        if self.object == Object::Reading {
            self.object = match read {
                Ok(Some(object)) => Object::Shown(object),
                Ok(None) => Object::Unreadable("the archived delivery is not there any more".to_owned()),
                Err(why) => Object::Unreadable(why),
            };
        }
    }

    /// Shows the explanation that was made, if it is still asked for.
    pub(in crate::screen) fn show_explanation(
        &mut self,
        subject: &str,
        made: Result<Box<Explanation>, String>,
    ) {
        if let Some(explained) = self.explained.as_mut().filter(|asked| asked.subject == subject) {
            explained.account = Some(made);
        }
    }
}
