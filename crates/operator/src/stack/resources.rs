//! What CloudFormation says of a stack that is there, and of what it consists of.

use aws_sdk_cloudformation::types::{Stack as Described, StackResourceSummary};
use pipeline::error::AwsError;

use super::Stack;
use super::named::{look_up, missing};
use crate::error::Result;

/// Describes a thing that a stack consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Names its type as CloudFormation does, like `AWS::S3::Bucket`.
    pub(crate) resource_type: String,
    /// Names it as the template does.
    pub(crate) logical: String,
    /// Gives the id by which calls ask AWS for it: a name, an ARN, or the URL of a queue.
    pub(crate) physical: String,
}

impl Stack {
    /// Asks CloudFormation for the stack's status, parameters and outputs.
    ///
    /// # Errors
    ///
    /// [`Error`](crate::Error) when CloudFormation does not tell, of kind [`NotFound`](crate::ErrorKind::NotFound) when the stack
    /// is not there, as one that was deleted since it was found.
    pub(crate) async fn describe(&self) -> Result<Described> {
        let name = self.name()?;
        let described = look_up(self.config(), name).await?;
        described.ok_or_else(|| missing(self.config(), name))
    }

    /// Lists what the stack consists of.
    pub(crate) async fn resources(&self) -> Result<Vec<Resource>> {
        let client = self.cloudformation();
        let pages = client.list_stack_resources().stack_name(self.name()?);
        let listed: Result<Vec<_>, _> = pages.into_paginator().items().send().collect().await;
        let listed = listed.map_err(AwsError::of("cloudformation:ListStackResources"))?;
        Ok(listed.iter().filter_map(Resource::of).collect())
    }
}

impl Resource {
    fn of(listed: &StackResourceSummary) -> Option<Self> {
        Some(Self {
            resource_type: listed.resource_type()?.to_owned(),
            logical: listed.logical_resource_id()?.to_owned(),
            physical: listed.physical_resource_id()?.to_owned(),
        })
    }
}
