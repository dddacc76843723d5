//! Reading what events are about: users, accounts, orders, payments, reports ...
//!
//! Upvest's description 1.9.0 of its API says what can be read, and by which scope.

mod table;

use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::id::ResourceId;
use crate::request::Call;
use crate::scope::Scope;
pub use table::{RESOURCES, why_unreadable};

/// Says how many objects are asked for at once. Upvest puts up to 1,000 on a page, and an answer is read up to 8 MiB.
const PAGE: usize = 500;
/// Says how many large objects are asked for at once: a valuation lists every position of its account.
const HEAVY_PAGE: usize = 100;
/// Marks the segment of a path whose place an id takes.
const ID: &str = "{}";

/// Says where the objects of one category of events can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resource {
    /// Names the category of events, for example `ORDER`.
    pub category: &'static str,
    /// Names the scope that reading its objects needs.
    pub scope: Scope,
    /// Says where all objects of the category are listed.
    pub listing: Listing,
    path: Option<&'static str>,
}

/// Says where the objects of a category are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listing {
    /// One list has all objects of the category.
    One(List),
    /// Each object of another category has a list.
    Each {
        /// Names the category whose objects have lists.
        parent: &'static str,
        /// Gives the path of the list that each of these objects has.
        list: List,
    },
    /// They are in this member of each object of another category.
    Within {
        /// Names the category whose objects have the member.
        parent: &'static str,
        /// Gives the name of the member that holds them.
        member: &'static str,
    },
}

/// Describes one list of Upvest's API: its path, and how it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    path: &'static str,
    form: Form,
}

/// Says how a list is asked for, and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The list comes page by page, oldest object first.
    Sorted,
    /// The list comes page by page, in an order that cannot be chosen.
    Unsorted,
    /// The list comes in small pages of large objects: a valuation has each position of its account.
    Heavy,
    /// The list comes page by page, oldest object first, with the account and its group in the query.
    OfAccount,
    /// All objects come in one answer, without pages.
    Whole,
    /// The object comes by itself, and is in no list.
    Single,
}

/// Names an object that has a list of others.
#[derive(Debug, Clone, Deserialize)]
pub struct Parent {
    id: ResourceId,
    /// Holds an account's group, whatever it looks like.
    account_group_id: Option<serde_json::Value>,
}

/// Holds an object as Upvest answered it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// Holds the object's JSON, byte for byte.
    pub object: Box<RawValue>,
    /// Tells when it surely was so: not later than the answer's own date, nor than the request by our clock. Whatever
    /// happened to the object since is younger.
    pub at: Timestamp,
}

/// Reads the pages of a list, one after another.
#[derive(Debug)]
pub struct Pages<'c> {
    client: &'c Client,
    scope: Scope,
    url: Url,
    form: Form,
    filter: String,
    offset: usize,
    ended: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    meta: Meta,
    data: Vec<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct Meta {
    total_count: Option<usize>,
}

impl Fetched {
    /// Holds a part of an answer, which was so when the whole was.
    #[must_use]
    pub fn new(object: Box<RawValue>, at: Timestamp) -> Self {
        Self { object, at }
    }
}

impl Resource {
    /// Finds where objects of a category can be read; `None` where they cannot.
    #[must_use]
    pub fn of(category: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.category == category)
    }

    /// Says whether an object can be read by its id alone.
    #[must_use]
    pub fn has_path(&self) -> bool {
        self.path.is_some()
    }
}

impl Client {
    /// Reads an object by its id; `None` when there is none, and where the resource [has no path](Resource::has_path).
    ///
    /// # Errors
    /// Any [`Error`] of a call.
    pub async fn read(&self, resource: &Resource, id: &ResourceId) -> Result<Option<Fetched>, Error> {
        let Some(path) = resource.path else {
            return Ok(None);
        };
        let call = self.call("GET", &segments(path, Some(id)), resource.scope);
        match self.fetch_json(&call).await {
            Ok((object, at)) => Ok(Some(Fetched { object, at })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to read the pages of a list, oldest object first where there is a choice; `parent` is the object whose list it is.
    #[must_use]
    pub fn pages(&self, scope: Scope, list: List, parent: Option<&Parent>) -> Pages<'_> {
        let List { path, form } = list;
        let id = parent.map(|parent| &parent.id);
        let group = parent.and_then(|parent| parent.account_group_id.as_ref()?.as_str()?.parse().ok());
        let name = |name: &str, id: &ResourceId| format!("&{name}={}", id.as_str());
        let filter = match form {
            // Without both of them, Upvest says what is missing.
            Form::OfAccount => [("account_id", id), ("account_group_id", group.as_ref())]
                .into_iter()
                .filter_map(|(member, id)| Some(name(member, id?)))
                .collect(),
            _ => String::new(),
        };
        Pages {
            client: self,
            scope,
            url: self.call("GET", &segments(path, id), scope).url,
            form,
            filter,
            offset: 0,
            ended: false,
        }
    }

    /// Makes sure that Upvest gives out an access token with the scope.
    ///
    /// # Errors
    /// [`Error::Token`] when it does not.
    pub async fn authorize(&self, scope: Scope) -> Result<(), Error> {
        self.inner.token(scope).await.map(drop)
    }

    /// Returns how far our clock was ahead of Upvest's at the last answer, in seconds; negative when it was behind.
    #[must_use]
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.inner.clock_ahead_seconds()
    }

    async fn fetch_json<T: serde::de::DeserializeOwned>(&self, call: &Call) -> Result<(T, Timestamp), Error> {
        let before = self.inner.options.clock.now();
        let answer = self.inner.send(call).await?;
        let at = answer.date.map_or(before, |date| date.min(before));
        Ok((answer.into_json(call)?, at))
    }
}

impl Form {
    const fn page(self) -> usize {
        match self {
            Self::Heavy => HEAVY_PAGE,
            _ => PAGE,
        }
    }
}

impl Pages<'_> {
    /// Reads the objects of the next page; `None` after the last. One that is deleted meanwhile may hide another at a page's
    /// edge, and one that is created may come twice.
    ///
    /// # Errors
    /// Any [`Error`] of a call.
    pub async fn next(&mut self) -> Result<Option<Vec<Fetched>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let mut call = Call::new("GET", self.url.clone(), self.scope);
        let query = self.query();
        call.url.set_query(query.as_deref());
        if self.form == Form::Single {
            self.ended = true;
            let (object, at) = self.client.fetch_json(&call).await?;
            return Ok(Some(vec![Fetched { object, at }]));
        }
        let (Page { meta, data }, at) = self.client.fetch_json(&call).await?;
        self.offset += data.len();
        let reached = match meta.total_count {
            Some(total) => self.offset >= total,
            None => data.len() < self.form.page(),
        };
        // An empty page is the last, whatever the count says: asking on would give it again.
        self.ended = reached || data.is_empty() || self.form == Form::Whole;
        Ok(Some(
            data.into_iter().map(|object| Fetched { object, at }).collect(),
        ))
    }

    fn query(&self) -> Option<String> {
        let page = format!("offset={}&limit={}", self.offset, self.form.page());
        match self.form {
            Form::Sorted | Form::Heavy => Some(format!("order=ASC&{page}")),
            Form::OfAccount => Some(format!("order=ASC&{page}{}", self.filter)),
            Form::Unsorted => Some(page),
            Form::Whole | Form::Single => None,
        }
    }
}

impl From<ResourceId> for Parent {
    fn from(id: ResourceId) -> Self {
        Self {
            id,
            account_group_id: None,
        }
    }
}

fn segments<'s>(path: &'s str, id: Option<&'s ResourceId>) -> Vec<&'s str> {
    let segments = path.split('/');
    segments
        .map(|segment| match (segment, id) {
            (ID, Some(id)) => id.as_str(),
            _ => segment,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parent_can_be_listed_itself() {
        for resource in RESOURCES {
            let (Listing::Each { parent, .. } | Listing::Within { parent, .. }) = resource.listing else {
                continue;
            };
            assert!(Resource::of(parent).is_some(), "{}", resource.category);
        }
    }

    #[test]
    fn an_id_takes_its_place_in_the_path() {
        let id: ResourceId = "o1".parse().unwrap();
        assert_eq!(
            segments("accounts/{}/orders", Some(&id)),
            ["accounts", "o1", "orders"]
        );
        assert_eq!(segments("users", None), ["users"]);
    }
}
