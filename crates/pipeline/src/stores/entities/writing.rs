//! Writing the state of entities, each only if its item is still the one that was read.

use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
};
use futures_util::future::join_all;
use upvest::EntityKey;

use super::item::to_item;
use super::{Entities, EntityError, Loaded, Stored, attributes};
use crate::error::AwsError;
use crate::stores::item::{Item, condition_held, text};

/// Bounds the number of statements in one batch (`BatchExecuteStatement`).
const BATCH: usize = 25;
const CALL: &str = "BatchExecuteStatement of the entities table";

/// Describes a state that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct EntityWrite<'w> {
    /// Names the entity whose item is written.
    pub entity: &'w EntityKey,
    /// Gives what was read, and what the state was folded on; `None` where there was no item.
    pub before: Option<&'w Loaded>,
    /// Gives the state, with the version that it gets by this write.
    pub after: &'w Stored,
}

impl Entities {
    /// Writes an entity's state, if the item is still the one before its version.
    ///
    /// The condition is the guard of every projection: of two writers that read the same version one wins, and the
    /// other reads again and folds again.
    ///
    /// | in the table | `version` of the state | |
    /// |---|---|---|
    /// | no item | 1 | written |
    /// | no item | 4 | refused |
    /// | version 3 | 1 | refused |
    /// | version 3 | 4 | written |
    /// | version 4 | 4 | refused |
    ///
    /// # Errors
    ///
    /// [`EntityError::Changed`] when it is not; [`EntityError::Aws`], [`EntityError::TooLarge`].
    pub async fn save(&self, entity: &EntityKey, state: &Stored) -> Result<(), EntityError> {
        self.put(entity, state.version, to_item(entity, state)?).await
    }

    /// Writes many entities' states, each under the condition of [`save`](Self::save): 25 in a request, and those that
    /// fail in it for another reason than the condition once more one by one, so that one that cannot be written holds up
    /// no other. Gives each result in the order of the writes.
    pub async fn save_many(&self, writes: &[EntityWrite<'_>]) -> Vec<Result<(), EntityError>> {
        join_all(writes.chunks(BATCH).map(|chunk| self.save_batch(chunk)))
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    async fn save_batch(&self, writes: &[EntityWrite<'_>]) -> Vec<Result<(), EntityError>> {
        let items: Vec<Result<Item, EntityError>> = writes
            .iter()
            .map(|write| to_item(write.entity, write.after))
            .collect();
        let writable: Vec<(&EntityWrite<'_>, &Item)> = writes
            .iter()
            .zip(&items)
            .filter_map(|(write, item)| Some((write, item.as_ref().ok()?)))
            .collect();
        let mut written = self.write(&writable).await.into_iter();
        // Each that has an item has a result.
        let results = items
            .into_iter()
            .map(|item| item.and_then(|_| written.next().unwrap_or(Ok(()))));
        results.collect()
    }

    async fn write(&self, writes: &[(&EntityWrite<'_>, &Item)]) -> Vec<Result<(), EntityError>> {
        if let [(write, item)] = writes {
            return vec![self.put_alone(write, item).await];
        }
        if writes.is_empty() {
            return Vec::new();
        }
        let statements = writes.iter().map(|(write, item)| self.statement(write, item));
        let request = self
            .client
            .batch_execute_statement()
            .set_statements(Some(statements.collect()));
        let responses = match request.send().await.map_err(AwsError::of(CALL)) {
            Ok(answer) => answer.responses.unwrap_or_default(),
            Err(error) => return writes.iter().map(|_| Err(error.clone().into())).collect(),
        };
        let results = writes.iter().enumerate().map(async |(index, (write, item))| {
            match responses.get(index).map(Answer::of) {
                Some(Answer::Written) => Ok(()),
                Some(Answer::Changed) => Err(EntityError::Changed(write.entity.clone())),
                Some(Answer::Failed) | None => self.put_alone(write, item).await,
            }
        });
        join_all(results).await
    }

    async fn put_alone(&self, write: &EntityWrite<'_>, item: &Item) -> Result<(), EntityError> {
        self.put(write.entity, write.after.version, item.clone()).await
    }

    async fn put(&self, entity: &EntityKey, version: u64, item: Item) -> Result<(), EntityError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item));
        let request = match version {
            // `aggregate` is a reserved word.
            ..=1 => request
                .condition_expression("attribute_not_exists(#aggregate)")
                .expression_attribute_names("#aggregate", attributes::AGGREGATE),
            version => request
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", attributes::VERSION)
                .expression_attribute_values(":before", before(version)),
        };
        match condition_held(request.send().await, "PutItem to the entities table")? {
            true => Ok(()),
            false => Err(EntityError::Changed(entity.clone())),
        }
    }

    /// Writes the whole item by a statement: an insert where there was none, which fails where there is one now; else an
    /// update that sets all attributes, and removes those that only the item before has.
    fn statement(&self, write: &EntityWrite<'_>, item: &Item) -> BatchStatementRequest {
        let (statement, parameters) = match write.before {
            None => insert(&self.table, item),
            Some(loaded) => update(&self.table, write, loaded, item),
        };
        BatchStatementRequest::builder()
            .statement(statement)
            .set_parameters(Some(parameters))
            .build()
            .expect("the builder asks for the statement alone, which is set")
    }
}

fn insert(table: &str, item: &Item) -> (String, Vec<AttributeValue>) {
    let fields: Vec<String> = item.keys().map(|name| format!("'{name}':?")).collect();
    (
        format!("INSERT INTO \"{table}\" VALUE {{{}}}", fields.join(",")),
        item.values().cloned().collect(),
    )
}

fn update(
    table: &str,
    write: &EntityWrite<'_>,
    loaded: &Loaded,
    item: &Item,
) -> (String, Vec<AttributeValue>) {
    let mut clauses = String::new();
    let mut parameters = Vec::new();
    for (name, value) in item.iter().filter(|(name, _)| *name != attributes::AGGREGATE) {
        clauses.push_str(&format!(" SET \"{name}\"=?"));
        parameters.push(value.clone());
    }
    for name in loaded.attributes.iter().filter(|name| !item.contains_key(*name)) {
        clauses.push_str(&format!(" REMOVE \"{name}\""));
    }
    parameters.extend([text(write.entity.as_str()), before(write.after.version)]);
    (
        format!("UPDATE \"{table}\"{clauses} WHERE \"aggregate\"=? AND \"version\"=?"),
        parameters,
    )
}

/// Gives the version that an item must have, so that one of this version replaces it.
fn before(version: u64) -> AttributeValue {
    AttributeValue::N(version.saturating_sub(1).to_string())
}

/// Says what became of a statement.
enum Answer {
    Written,
    /// The write's condition did not hold: somebody else wrote the item.
    Changed,
    /// The write failed for another reason, as by throttling.
    Failed,
}

impl Answer {
    fn of(response: &BatchStatementResponse) -> Self {
        let code = response.error.as_ref().map(|error| &error.code);
        match code {
            None => Self::Written,
            Some(Some(
                BatchStatementErrorCodeEnum::DuplicateItem
                | BatchStatementErrorCodeEnum::ConditionalCheckFailed,
            )) => Self::Changed,
            Some(_) => Self::Failed,
        }
    }
}
