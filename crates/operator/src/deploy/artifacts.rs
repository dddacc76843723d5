//! The bucket that the files of releases lie in, where CloudFormation and Lambda read them.

use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, ChecksumMode, CreateBucketConfiguration,
    PublicAccessBlockConfiguration, VersioningConfiguration,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use pipeline::error::{AwsError, Kind};
use pipeline::runtime::aws;
use serde_json::json;

use super::Target;
use super::account::Caller;
use crate::error::{Error, Result};
use crate::release::{RELEASE_FILE, Release, checksum};

/// Names the region whose buckets must not be told where they are.
const FIRST_REGION: &str = "us-east-1";

/// Reads and writes the files of releases in one bucket, and only where that is of the expected account.
#[derive(Debug)]
pub(super) struct Store<'s> {
    client: aws_sdk_s3::Client,
    target: &'s Target<'s>,
    bucket: String,
    /// Names the account that the bucket is to be of. One of the same name that somebody else made is not used.
    owner: String,
    /// Tells whether it is the account's own for releases, which is made where it is missing.
    is_own: bool,
    region: String,
    partition: String,
}

impl<'s> Store<'s> {
    /// Uses the bucket of this name, or else the one that the account has for releases in this region. It is the caller's, unless
    /// an owner is named.
    pub(super) fn new(
        target: &'s Target<'s>,
        caller: &Caller,
        bucket: Option<&str>,
        owner: Option<&str>,
    ) -> Self {
        let region = target.region();
        let own = format!("upvest-webhooks-artifacts-{}-{region}", caller.account);
        // A stack names the account's own bucket as well once it was deployed, and it stays ours to make.
        let named = bucket.filter(|bucket| *bucket != own);
        Self {
            client: aws::s3(target.config),
            target,
            owner: owner.unwrap_or(&caller.account).to_owned(),
            is_own: named.is_none(),
            bucket: named.map(str::to_owned).unwrap_or(own),
            region,
            partition: caller.partition.clone(),
        }
    }

    /// Names the bucket: the one that was given, or the account's own for releases.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Gives the URL by which CloudFormation reads a file. The bucket is in its path, where emulators look for it.
    pub(super) fn url(&self, key: &str) -> String {
        url(&self.partition, &self.region, &self.bucket, key)
    }

    /// Makes sure that the bucket is there: makes the account's own where it is missing, or its making was interrupted.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is missing, not the caller's to use, or cannot be made.
    pub(super) async fn prepare(&self) -> Result<()> {
        let bucket = &self.bucket;
        let head = self.client.head_bucket().bucket(bucket);
        match head.expected_bucket_owner(&self.owner).send().await {
            Ok(_) if !self.is_own => Ok(()),
            Ok(_) => match self.has_policy().await? {
                true => Ok(()),
                false => self.protect().await,
            },
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {
                match self.is_own {
                    true => self.make().await,
                    false => Err(Error::not_found(format!(
                        "there is no bucket {bucket}: make it in {}, or leave --artifacts-bucket out",
                        self.region
                    ))),
                }
            }
            Err(error) => Err(Error::context(format!(
                "the bucket {bucket} cannot be used: it is to be of {}, of account {} (--artifacts-bucket-owner names another \
                 one), and open to you (s3:ListBucket, s3:GetObject, s3:PutObject)",
                self.region, self.owner
            ))(AwsError::of("s3:HeadBucket")(error))),
        }
    }

    /// Uploads the files of a release that the stack needs and the bucket does not have; gives how many these were.
    ///
    /// # Errors
    ///
    /// [`Error`] when a file differs from what was released, or cannot be put.
    pub(super) async fn upload(&self, folder: &Path, release: &Release, architecture: &str) -> Result<usize> {
        let functions = format!("functions/{architecture}/");
        // The rest of a release is for people: command lines, policies, bills of materials.
        let is_needed = |path: &str| {
            path == release.template || path.starts_with("infra/") || path.starts_with(functions.as_str())
        };
        let needed: Vec<(&String, &String)> = release
            .files
            .iter()
            .filter(|(path, _)| is_needed(path.as_str()))
            .collect();
        let work = self.target.reporter.begin(needed.len() as u64, "files");
        let mut uploaded = 0;
        for (path, expected) in needed {
            let key = format!("{}/{path}", release.prefix());
            if !self.has(&key, expected).await? {
                self.put(&folder.join(path), &key, expected).await?;
                uploaded += 1;
            }
            work.done(1);
        }
        Ok(uploaded)
    }

    /// Tells whether a file is there, by the checksum that S3 computed itself: whatever else is said of an object, whoever put it
    /// there says.
    async fn has(&self, key: &str, expected: &str) -> Result<bool> {
        let expected = in_base64(expected)?;
        let head = self.client.head_object().bucket(&self.bucket).key(key);
        // S3 leaves the checksum out of its answer unless it is asked for.
        let head = head.checksum_mode(ChecksumMode::Enabled);
        match head.expected_bucket_owner(&self.owner).send().await {
            Ok(head) => Ok(head.checksum_sha256() == Some(expected.as_str())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(false),
            Err(error) => Err(AwsError::of("s3:HeadObject of a release")(error).into()),
        }
    }

    async fn put(&self, file: &Path, key: &str, expected: &str) -> Result<()> {
        let shown = file.display();
        let content = std::fs::read(file).map_err(Error::context(format!("cannot read {shown}")))?;
        // It was checked a while ago, and may be another one by now.
        if checksum(&content) != expected {
            return Err(Error::failed(format!(
                "{shown} was changed while it was uploaded: run the command again"
            )));
        }
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        let put = put
            // S3 refuses content that has another one, and keeps this one for `has`.
            .checksum_sha256(in_base64(expected)?)
            .body(ByteStream::from(content));
        let put = put.expected_bucket_owner(&self.owner).send().await;
        put.map_err(AwsError::of("s3:PutObject of a release"))
            .map_err(Error::context(format!(
                "{shown} cannot be put into the bucket {}",
                self.bucket
            )))?;
        Ok(())
    }

    /// Reads a file, such as a template.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not there, or not the caller's to read.
    pub(super) async fn read(&self, key: &str) -> Result<String> {
        const CALL: &str = "s3:GetObject of a release";
        let unread =
            || Error::context::<AwsError>(format!("{key} in the bucket {} cannot be read", self.bucket));
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let object = get.expected_bucket_owner(&self.owner).send().await;
        let object = object.map_err(AwsError::of(CALL)).map_err(unread())?;
        let body = object.body.collect().await;
        let body = body
            .map_err(AwsError::beside(CALL, Kind::Infrastructure))
            .map_err(unread())?;
        Ok(String::from_utf8_lossy(&body.to_vec()).into_owned())
    }

    async fn make(&self) -> Result<()> {
        let place = (self.region != FIRST_REGION).then(|| {
            let region = BucketLocationConstraint::from(self.region.as_str());
            CreateBucketConfiguration::builder()
                .location_constraint(region)
                .build()
        });
        let create = self.client.create_bucket().bucket(&self.bucket);
        let created = create.set_create_bucket_configuration(place).send().await;
        created
            .map_err(AwsError::of("s3:CreateBucket"))
            .map_err(self.unmade())?;
        self.target
            .reporter
            .note(&format!("the bucket {} is made, for releases", self.bucket));
        self.protect().await
    }

    /// Has the bucket take nothing public, keep what is overwritten, and answer nothing without TLS. S3 encrypts what is put into
    /// any bucket. The policy comes last: it shows that all is set.
    async fn protect(&self) -> Result<()> {
        let (client, bucket) = (&self.client, &self.bucket);
        let nothing_public = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        let block = client.put_public_access_block().bucket(bucket);
        let blocked = block
            .expected_bucket_owner(&self.owner)
            .public_access_block_configuration(nothing_public)
            .send()
            .await;
        blocked
            .map_err(AwsError::of("s3:PutBucketPublicAccessBlock"))
            .map_err(self.unmade())?;
        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let keep = client.put_bucket_versioning().bucket(bucket);
        let keep = keep.expected_bucket_owner(&self.owner);
        let kept = keep.versioning_configuration(versions.build()).send().await;
        kept.map_err(AwsError::of("s3:PutBucketVersioning"))
            .map_err(self.unmade())?;
        let policy = tls_only(&self.partition, bucket);
        let put = client
            .put_bucket_policy()
            .bucket(bucket)
            .expected_bucket_owner(&self.owner)
            .policy(policy)
            .send()
            .await;
        put.map_err(AwsError::of("s3:PutBucketPolicy"))
            .map_err(self.unmade())?;
        Ok(())
    }

    async fn has_policy(&self) -> Result<bool> {
        let ask = self.client.get_bucket_policy().bucket(&self.bucket);
        match ask.expected_bucket_owner(&self.owner).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NoSuchBucketPolicy") => Ok(false),
            // Who only deploys may not look at it; whoever made the bucket had it set.
            Err(error) if error.code() == Some("AccessDenied") => Ok(true),
            Err(error) => Err(AwsError::of("s3:GetBucketPolicy")(error).into()),
        }
    }

    fn unmade(&self) -> impl FnOnce(AwsError) -> Error {
        Error::context(format!(
            "the bucket {} for releases cannot be made: have it made, or name one with --artifacts-bucket",
            self.bucket
        ))
    }
}

/// Writes the SHA-256 that a release has of a file as S3 does.
fn in_base64(checksum: &str) -> Result<String> {
    let bytes = hex::decode(checksum);
    bytes
        .map(|bytes| BASE64_STANDARD.encode(bytes))
        .map_err(|_| Error::failed(format!("{RELEASE_FILE} has no SHA-256 but {checksum:?}")))
}

/// Gives the URL of a file in a bucket.
fn url(partition: &str, region: &str, bucket: &str, key: &str) -> String {
    let suffix = match partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    format!("https://s3.{region}.{suffix}/{bucket}/{key}")
}

fn tls_only(partition: &str, bucket: &str) -> String {
    let bucket = format!("arn:{partition}:s3:::{bucket}");
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket, format!("{bucket}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    });
    policy.to_string()
}
