//! Finding what an operator means by a part of its name: an entity by its bare id, and either by the beginning of one.
//!
//! A whole key is one read. A bare id is tried with every type that there is, in one batch read. Only the beginning of an
//! id is looked for, because no index has it: at most [`MOST_PAGES`] pages of 1 MB are read for that.

use std::collections::BTreeSet;

use pipeline::stores::entities::Entities;
use pipeline::stores::events::EventLog;
use upvest::EntityKey;
use upvest::category::CATEGORIES;

use crate::error::{Error, Result};
use crate::names::entity_key;
use crate::stack::Stack;

/// Bounds the pages of a table that are read for the beginning of an id: 20 MB, which cost less than a tenth of a cent.
pub const MOST_PAGES: usize = 20;
/// Says how many characters of an id are enough to look for it.
const LEAST: usize = 4;
/// Gives the length of a whole id, a UUID: what is as long is looked for as it is.
const WHOLE: usize = 36;
/// Limits how many names an error lists.
const LISTED: usize = 5;

/// Finds the entity that is meant: by its key, its type in any case, by its bare id, or by the beginning of one.
///
/// # Errors
///
/// [`Error`] of the kind not-found where there is none, and of the kind usage where several begin so.
pub async fn entity(stack: &Stack, typed: &str) -> Result<EntityKey> {
    let entities = stack.entities()?;
    let (entity_type, id) = match typed.contains('#') {
        true => {
            let key = entity_key(typed)?;
            let id = key.id().to_owned();
            // One whose state is gone may have events: whoever asked for it by its whole key tells.
            if id.len() >= WHOLE || entities.item(&key).await?.is_some() {
                return Ok(key);
            }
            (Some(key.entity_type().to_owned()), id)
        }
        false => (None, typed.to_owned()),
    };
    let mut found = match entity_type {
        // With its type it was looked up above, and is not there.
        Some(_) => BTreeSet::new(),
        None => of_any_type(&entities, &id).await?,
    };
    if found.is_empty() && is_beginning(&id) {
        found = beginning_with(&entities, entity_type.as_deref(), &id).await?;
    }
    match (found.len(), typed.contains('#')) {
        // It may have events, and its processor not have seen them yet.
        (0, true) => entity_key(typed),
        (0, false) => Err(Error::not_found(format!(
            "no entity has the id {typed}, or one that begins so among those looked at: `upvest-webhooks entities list`"
        ))),
        (1, _) => Ok(found.pop_first().expect("there is one")),
        _ => Err(several(typed, found.iter().map(EntityKey::as_str))),
    }
}

/// Finds the id of the event that is meant, by the id or its beginning; what cannot be found stays as it is.
///
/// # Errors
///
/// [`Error`] of the kind usage where several begin so.
pub async fn event_id(stack: &Stack, typed: &str) -> Result<String> {
    let log = stack.event_log()?;
    if !is_beginning(typed) || log.contains(typed).await? {
        return Ok(typed.to_owned());
    }
    let mut found = events_beginning_with(&log, typed).await?;
    match found.len() {
        0 => Ok(typed.to_owned()),
        1 => Ok(found.pop_first().expect("there is one")),
        _ => Err(several(typed, found.iter().map(String::as_str))),
    }
}

fn is_beginning(id: &str) -> bool {
    (LEAST..WHOLE).contains(&id.len())
}

fn several<'n>(typed: &str, names: impl Iterator<Item = &'n str>) -> Error {
    let names: Vec<&str> = names.collect();
    let more = if names.len() > LISTED { ", ..." } else { "" };
    let names = names[..names.len().min(LISTED)].join(", ");
    Error::usage(format!("{typed} may be any of {names}{more}: type more of it"))
}

/// Reads the entities of this id, whatever their type.
async fn of_any_type(entities: &Entities, id: &str) -> Result<BTreeSet<EntityKey>> {
    let types: BTreeSet<&str> = CATEGORIES.iter().map(|row| row.entity).collect();
    let keys: Vec<EntityKey> = types
        .into_iter()
        .map(|entity_type| EntityKey::new(entity_type, id))
        .collect();
    let there = entities.load_many(&keys.iter().collect()).await?;
    Ok(there.into_keys().collect())
}

async fn beginning_with(
    entities: &Entities,
    entity_type: Option<&str>,
    beginning: &str,
) -> Result<BTreeSet<EntityKey>> {
    let (mut found, mut after) = (BTreeSet::new(), None);
    for _ in 0..MOST_PAGES {
        let (keys, next) = entities.keys(after).await?;
        found.extend(keys.into_iter().filter(|key| {
            entity_type.is_none_or(|wanted| wanted == key.entity_type()) && key.id().starts_with(beginning)
        }));
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn events_beginning_with(log: &EventLog, beginning: &str) -> Result<BTreeSet<String>> {
    let (mut found, mut after) = (BTreeSet::new(), None);
    for _ in 0..MOST_PAGES {
        let page = log.timelines(after).await?;
        let ids = page.entries.into_iter().map(|entry| entry.occurred.event_id);
        found.extend(ids.filter(|id| id.starts_with(beginning)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Says in words that any of these names is taken; `None` where none is named, and all are taken.
pub(crate) fn any_of<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| format!(" of {what} {}", names.join(" or ")))
}
