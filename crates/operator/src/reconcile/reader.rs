//! Reading from Upvest, at a bounded rate.

use std::collections::VecDeque;

use upvest_api::{Client, Error, Fetched, Listing, Pages, Parent, Resource, ResourceId};

use crate::repair::Throttle;

/// Reads objects from Upvest's API, no faster than a rate of requests a second.
pub(super) struct Reader<'c> {
    pub(super) client: &'c Client,
    pub(super) throttle: Throttle,
}

/// Goes through all objects of a category, page by page.
pub(super) struct Walk<'c> {
    resource: &'static Resource,
    pages: Option<Pages<'c>>,
    parents: VecDeque<Parent>,
}

impl<'c> Reader<'c> {
    /// Begins to list what a resource has; `None` where there is no list of its own.
    pub(super) async fn walk(&mut self, resource: &'static Resource) -> Result<Option<Walk<'c>>, Error> {
        let (pages, parents) = match resource.listing {
            Listing::One(list) => (
                Some(self.client.pages(resource.scope, list, None)),
                VecDeque::new(),
            ),
            Listing::Each { parent, .. } => (None, self.parents(parent).await?),
            _ => return Ok(None),
        };
        Ok(Some(Walk {
            resource,
            pages,
            parents,
        }))
    }

    /// Begins to list what belongs to one object of the parent category alone.
    pub(super) fn walk_of(&self, resource: &'static Resource, parent: ResourceId) -> Walk<'c> {
        Walk {
            resource,
            pages: None,
            parents: [parent.into()].into(),
        }
    }

    /// Reads the next objects; `None` after the last.
    pub(super) async fn next(&mut self, walk: &mut Walk<'c>) -> Result<Option<Vec<Fetched>>, Error> {
        loop {
            let listing = walk.resource.listing;
            if let Some(pages) = &mut walk.pages {
                self.throttle.due().await;
                match pages.next().await {
                    Ok(Some(objects)) => return Ok(Some(objects)),
                    Ok(None) => {}
                    // The parent went away since it was listed, or has nothing of this kind.
                    Err(error) if error.is_not_found() && matches!(listing, Listing::Each { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let (Some(parent), Listing::Each { list, .. }) = (walk.parents.pop_front(), listing) else {
                return Ok(None);
            };
            walk.pages = Some(self.client.pages(walk.resource.scope, list, Some(&parent)));
        }
    }

    /// Reads one object; `None` when Upvest has none.
    pub(super) async fn read(
        &mut self,
        resource: &Resource,
        id: &ResourceId,
    ) -> Result<Option<Fetched>, Error> {
        self.throttle.due().await;
        self.client.read(resource, id).await
    }

    async fn parents(&mut self, category: &str) -> Result<VecDeque<Parent>, Error> {
        let mut parents = VecDeque::new();
        if let Some(resource) = Resource::of(category)
            // Boxed, because a list of parents may be listed by parents of its own.
            && let Some(mut walk) = Box::pin(self.walk(resource)).await?
        {
            while let Some(objects) = Box::pin(self.next(&mut walk)).await? {
                let read = |fetched: &Fetched| serde_json::from_str(fetched.object.get()).ok();
                parents.extend(objects.iter().filter_map(read));
            }
        }
        Ok(parents)
    }
}
