//! A temporary file, so that no report is held in memory as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// Numbers the files of the process, so that two retrievals at a time do not share one.
static FILES: AtomicU64 = AtomicU64::new(0);

/// Writes a temporary file, which is removed when this is dropped, whatever happened.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: Removed,
    file: File,
    hash: Sha256,
    bytes: u64,
}

/// Holds the path, length and hash of a temporary file that is complete.
#[derive(Debug)]
pub(crate) struct Written {
    path: Removed,
    /// Gives the file's length, in bytes, as it was downloaded.
    pub(crate) bytes: u64,
    /// Holds the SHA-256 of its content, which S3 checks on the upload.
    pub(crate) sha256: [u8; 32],
}

/// Holds a path whose file is removed with it.
#[derive(Debug)]
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "could not remove a temporary file");
        }
    }
}

impl Scratch {
    /// Creates an empty file in `directory`.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("report-{}-{number}", std::process::id()));
        // Not the runtime's own way, which could create the file after whoever waits for it is gone.
        let file = fs::File::create(&path)?;
        Ok(Self {
            path: Removed(path),
            file: File::from_std(file),
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Counts the bytes written so far, which a download is stopped by.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends bytes, which go into the hash as well.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Ends the file: all its bytes are with the operating system when this returns.
    pub(crate) async fn finish(mut self) -> io::Result<Written> {
        self.file.flush().await?;
        Ok(Written {
            path: self.path,
            bytes: self.bytes,
            sha256: self.hash.finalize().into(),
        })
    }
}

impl Written {
    /// Gives the path, for as long as this is held.
    pub(crate) fn path(&self) -> &Path {
        &self.path.0
    }
}
