//! From Upvest's API through a temporary file into the reports bucket.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pipeline::actions::{Change, ConfigError, Setup};
use pipeline::error::AwsError;
use pipeline::runtime::aws::s3_builder;
use pipeline::runtime::clock::Clock;
use pipeline::upvest_access::{AccessError, UpvestAccess};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use upvest_api::{Download, Error, Options};

use super::document::{Document, Source};
use super::error::RetrieveError;
use super::scratch::{Scratch, Written};

/// Names the folder of Upvest's files that treasury reports are taken for being in, where nothing else is configured.
/// Their events name the file alone, and no published source the folder.
pub const SETTLEMENT_REPORTS: &str = "settlement_reports";

/// Bounds the files that are retrieved, in bytes. As many as are retrieved at once fit into the 512 MiB that Lambda
/// gives a function for temporary files.
const MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Limits the files that are retrieved at once: each may have [`MAX_BYTES`] in the temporary folder.
const AT_ONCE: usize = 4;
/// Says how often a file's location is asked for, where the one before gave nothing.
const MAX_LOCATIONS: u32 = 3;
/// Says how long a file may take into the bucket. The processor gives the action up before Lambda ends the invocation.
const UPLOAD_TIME: Duration = Duration::from_secs(25);

/// Retrieves files, and keeps each of them once.
#[derive(Debug)]
pub struct Retrieval {
    /// Calls Upvest's API, with credentials of the stack's secret.
    pub upvest: UpvestAccess,
    /// Writes into the reports bucket, with more time for a file than other calls have.
    pub s3: Client,
    /// Names the bucket of the stack that the files are kept in.
    pub bucket: String,
    /// Names Upvest's folder with the files of treasury reports.
    pub treasury_folder: String,
    /// Names the directory for temporary files, each of which is removed when its retrieval ends.
    pub directory: PathBuf,
    /// Limits the file that is retrieved, in bytes.
    pub max_bytes: u64,
    places: Semaphore,
}

/// Holds a file on its way into the bucket.
struct Fetched {
    file: Written,
    content_type: Option<String>,
}

impl Retrieval {
    /// Retrieves files into `bucket`, of up to 100 MiB, through the system's directory of temporary files.
    #[must_use]
    pub fn new(upvest: UpvestAccess, s3: Client, bucket: String) -> Self {
        Self {
            upvest,
            s3,
            bucket,
            treasury_folder: SETTLEMENT_REPORTS.to_owned(),
            directory: std::env::temp_dir(),
            max_bytes: MAX_BYTES,
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Makes the same with the credentials of the secret `UPVEST_SECRET`, and `TREASURY_REPORTS_FOLDER`
    /// (`settlement_reports`).
    pub(crate) fn from_setup(setup: &Setup<'_>, bucket: String) -> Result<Self, ConfigError> {
        let upvest = UpvestAccess::from_config(setup.aws, setup.environment, Clock::system(), options())?;
        let retrieval = Self::new(upvest, s3(setup.aws), bucket);
        let folder = setup.environment.optional("TREASURY_REPORTS_FOLDER");
        Ok(Self {
            treasury_folder: folder.unwrap_or(retrieval.treasury_folder),
            ..retrieval
        })
    }

    /// Retrieves the file that the change's event announces; tells where it is.
    pub(crate) async fn run(&self, change: &Change<'_>) -> Result<Value, RetrieveError> {
        let document = Document::announced_by(change.event, change.occurred.created_at)?;
        // It is never closed, so there always is a place sooner or later.
        let _place = self.places.acquire().await;
        let fetched = self.fetch(&document.source).await?;
        self.store(&document, &fetched, change).await
    }

    async fn fetch(&self, source: &Source) -> Result<Fetched, RetrieveError> {
        let too_large = RetrieveError::TooLarge {
            limit: self.max_bytes,
        };
        let mut download = self.open(source).await.map_err(RetrieveError::Upvest)?;
        // Refused before the first byte where Upvest tells the length.
        if download
            .content_length()
            .is_some_and(|bytes| bytes > self.max_bytes)
        {
            return Err(too_large);
        }
        let content_type = download.content_type().map(str::to_owned);
        let mut file = Scratch::create(&self.directory)?;
        while let Some(chunk) = download.chunk().await.map_err(RetrieveError::Broken)? {
            // The length may not have been told, or not truly.
            if file.bytes() + chunk.len() as u64 > self.max_bytes {
                return Err(too_large);
            }
            file.write(&chunk).await?;
        }
        let file = file.finish().await?;
        Ok(Fetched { file, content_type })
    }

    async fn open(&self, source: &Source) -> Result<Download, AccessError> {
        match source {
            Source::Pdf(id) => self.upvest.call(async |client| client.report_pdf(id).await).await,
            Source::File(name) => self.open_file(name).await,
        }
    }

    /// Opens the file of this name. A location leads to its file for some minutes only, so one that gives nothing is
    /// asked for anew.
    async fn open_file(&self, name: &str) -> Result<Download, AccessError> {
        let mut asked = 0;
        loop {
            asked += 1;
            let file = self
                .upvest
                .call(async |client| client.file(&self.treasury_folder, name).await)
                .await;
            match file {
                Err(AccessError::Upvest(error @ Error::Storage { .. })) if asked < MAX_LOCATIONS => {
                    tracing::warn!(%error, "the location of a file gave nothing, and is asked for again");
                }
                file => return file,
            }
        }
    }

    /// Writes the file once. One that is there already was stored by an earlier run for the same report and day.
    async fn store(
        &self,
        document: &Document,
        fetched: &Fetched,
        change: &Change<'_>,
    ) -> Result<Value, RetrieveError> {
        const CALL: &str = "PutObject to the reports bucket";
        let file = &fetched.file;
        let sha256 = hex::encode(file.sha256);
        let body = ByteStream::from_path(file.path()).await;
        let put = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(&document.key)
            .if_none_match("*")
            .set_content_type(fetched.content_type.clone())
            // S3 refuses a body that is not what was downloaded.
            .checksum_sha256(STANDARD.encode(file.sha256))
            .set_metadata(Some(document.metadata(change, &sha256)))
            .body(body.map_err(std::io::Error::other)?)
            .send()
            .await;
        match put {
            Ok(_) => Ok(json!({
                "bucket": self.bucket,
                "key": document.key,
                "bytes": file.bytes,
                "sha256": sha256,
            })),
            // What is there may be another rendering of the same report: its size and hash are its own.
            Err(error) if status(error.raw_response()) == Some(412) => Ok(json!({
                "bucket": self.bucket,
                "key": document.key,
                "already_there": true,
            })),
            Err(error) => Err(AwsError::of(CALL)(error).into()),
        }
    }
}

fn status(answer: Option<&aws_sdk_s3::config::http::HttpResponse>) -> Option<u16> {
    answer.map(|answer| answer.status().as_u16())
}

/// Bounds the calls to Upvest: a token and the start of a download, each with all its attempts, are to take less than
/// an invocation may.
fn options() -> Options {
    Options {
        request_timeout: Some(Duration::from_secs(8)),
        total_time: Duration::from_secs(8),
        ..Options::default()
    }
}

/// Makes a client with more patience than others need: it sends files.
fn s3(aws: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_timeout(UPLOAD_TIME)
        .build();
    Client::from_conf(s3_builder(aws).timeout_config(timeouts).build())
}
