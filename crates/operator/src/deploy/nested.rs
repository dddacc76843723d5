//! The nested templates of a release: CloudFormation reads them from the bucket when it executes a change set, which is long after
//! the stack's own template was read and shown.
//!
//! A release's template says what each of them is to be, and CloudFormation keeps that template for itself, so that whoever
//! changes the bucket cannot change what is expected of it.

use std::collections::BTreeMap;

use saphyr::Yaml;

use super::artifacts::Store;
use super::parameters::{document, member, text};
use crate::error::{Error, Result};
use crate::release::checksum;

/// Names the member of a template's `Metadata` that has the SHA-256 of each nested template in hex, by its path in the release.
pub const NESTED_TEMPLATES: &str = "NestedTemplates";

/// Holds what the nested templates of a stack are to be, and where they lie.
#[derive(Debug)]
pub(super) struct NestedTemplates<'s> {
    store: Store<'s>,
    prefix: String,
    sums: BTreeMap<String, String>,
}

impl<'s> NestedTemplates<'s> {
    /// Reads from a template what those nested in it are to be, and refuses others under a prefix of the bucket.
    ///
    /// # Errors
    ///
    /// [`Error`] when the template does not say it, or one of them is missing or another one.
    pub(super) async fn checked(template: &str, store: Store<'s>, prefix: &str) -> Result<Self> {
        let nested = Self {
            store,
            prefix: prefix.to_owned(),
            sums: sums(template)?,
        };
        nested.refuse_changed().await?;
        Ok(nested)
    }

    /// Refuses nested templates that are not those of the release.
    ///
    /// # Errors
    ///
    /// [`Error`] when one of them is missing or another one.
    pub(super) async fn refuse_changed(&self) -> Result<()> {
        for (path, expected) in &self.sums {
            let key = format!("{}/{path}", self.prefix);
            if checksum(self.store.read(&key).await?.as_bytes()) != *expected {
                return Err(Error::failed(format!(
                    "{key} in the bucket {} is not the nested template that the release has: find out who changed it, and deploy \
                     the release again (upvest-webhooks deploy --release DIR), which puts its own there",
                    self.store.bucket()
                )));
            }
        }
        Ok(())
    }
}

/// Reads the checksums of nested templates from the template that they are nested in.
fn sums(template: &str) -> Result<BTreeMap<String, String>> {
    let template = document(template)?;
    let metadata = member(&template, "Metadata");
    let listed = metadata.and_then(|metadata| member(metadata, NESTED_TEMPLATES));
    let Some(Yaml::Mapping(members)) = listed else {
        return Err(Error::failed(format!(
            "the template does not say what its nested templates are to be (Metadata, {NESTED_TEMPLATES}): deploy a release that \
             does"
        )));
    };
    let named = members
        .iter()
        .filter_map(|(path, sum)| Some((path.as_str()?.to_owned(), text(sum)?)));
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_what_those_nested_in_it_are_to_be() {
        let template =
            "Metadata:\n  NestedTemplates:\n    infra/alarms.yaml: \"00ff\"\n  Other: {}\nResources: {}\n";
        let expected = BTreeMap::from([("infra/alarms.yaml".to_owned(), "00ff".to_owned())]);
        assert_eq!(sums(template).unwrap(), expected);
    }

    #[test]
    fn a_template_that_does_not_say_it_is_refused() {
        for template in ["Resources: {}", "Metadata: {}", "Metadata: {NestedTemplates: 7}"] {
            let refusal = sums(template).unwrap_err().to_string();
            assert!(refusal.contains("deploy a release that does"), "{refusal}");
        }
    }
}
