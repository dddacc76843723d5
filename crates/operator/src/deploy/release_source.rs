//! A release as it is given: a folder, or the URL of the archive of one.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::GzDecoder;
use reqwest::Url;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::release::{RELEASE_FILE, checksum};

/// Bounds the size of an archive, in bytes: many times that of a release.
const MOST_PACKED: usize = 500 * 1024 * 1024;
/// Bounds how long it may take to connect to the server of an archive.
const CONNECTING: Duration = Duration::from_secs(10);
/// Bounds how long that server may send nothing before the download fails.
const SILENCE: Duration = Duration::from_mins(1);
/// Bounds the size of what is unpacked, in bytes: many times that of a release.
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Holds the folder of a release for as long as it is needed; one that was unpacked is then deleted.
#[derive(Debug)]
pub(super) struct Source {
    folder: PathBuf,
    _unpacked: Option<TempDir>,
}

impl Source {
    /// Opens a folder, or downloads an archive, checks it, and unpacks it.
    ///
    /// # Errors
    ///
    /// [`Error`] when it cannot be had, or is not what its checksum says.
    pub(super) async fn open(release: &str, expected: Option<&str>) -> Result<Self> {
        // Plain http will do: what it brings is believed for its checksum alone, which a URL needs.
        let is_url = release.starts_with("https://") || release.starts_with("http://");
        match (is_url, expected) {
            (false, None) => Ok(Self {
                folder: PathBuf::from(release),
                _unpacked: None,
            }),
            (false, Some(_)) => Err(Error::usage(
                "--checksum is that of an archive behind a URL: a folder has the checksums of its files",
            )),
            (true, None) => Err(Error::usage(
                "a URL needs --checksum, the SHA-256 of the archive as whoever released it tells: the archive itself cannot say \
                 that it is genuine",
            )),
            (true, Some(expected)) => {
                let archive = download(release, MOST_PACKED).await?;
                check(&shown(release), &archive, expected)?;
                Self::unpack(&archive)
            }
        }
    }

    /// Gives the folder of the release.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn unpack(archive: &[u8]) -> Result<Self> {
        let unpacked = TempDir::with_prefix("upvest-webhooks-release-")
            .map_err(Error::context("there is no place to unpack the release at"))?;
        // Paths that lead out of the folder are left out by the library.
        let unpacking = tar::Archive::new(GzDecoder::new(archive).take(MOST_BYTES)).unpack(unpacked.path());
        unpacking.map_err(Error::context("the archive of the release cannot be unpacked"))?;
        Ok(Self {
            folder: holder(unpacked.path())?,
            _unpacked: Some(unpacked),
        })
    }
}

/// Finds the folder of the release in what was unpacked: itself, or the one folder in it.
fn holder(unpacked: &Path) -> Result<PathBuf> {
    if unpacked.join(RELEASE_FILE).exists() {
        return Ok(unpacked.to_owned());
    }
    let entries =
        std::fs::read_dir(unpacked).map_err(Error::context("the unpacked release cannot be read"))?;
    let folders = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut holders = folders.filter(|folder| folder.join(RELEASE_FILE).exists());
    holders.next().ok_or_else(|| {
        Error::failed(format!(
            "the archive holds no release: {RELEASE_FILE} is not in it; name the archive that was published, \
             upvest-webhooks-VERSION.tar.gz, and not that of the sources"
        ))
    })
}

/// Writes a URL without what may let others have the release: a user, a token, a signature.
fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        return "a URL that cannot be read".to_owned();
    };
    let port = url.port().map(|port| format!(":{port}"));
    let (port, host) = (port.unwrap_or_default(), url.host_str().unwrap_or_default());
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

async fn download(url: &str, most: usize) -> Result<Vec<u8>> {
    let shown = shown(url);
    let unread = |error: reqwest::Error| {
        let words = format!("the release cannot be had from {shown}");
        // A URL may hold a token or a signature, which no message is to show (`no_message_about_a_url`).
        Error::context(words)(error.without_url())
    };
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECTING)
        .read_timeout(SILENCE);
    let client = client.build().map_err(unread)?;
    let answer = client.get(url).send().await.map_err(unread)?;
    let mut answer = answer.error_for_status().map_err(unread)?;
    let mut archive = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unread)? {
        // Counted as it comes, because a server may say another length, or none.
        if archive.len() + chunk.len() > most {
            return Err(Error::failed(format!(
                "what {shown} gives is no release: it has more than {most} bytes"
            )));
        }
        archive.extend_from_slice(&chunk);
    }
    Ok(archive)
}

fn check(url: &str, archive: &[u8], expected: &str) -> Result<()> {
    let own = checksum(archive);
    match own.eq_ignore_ascii_case(expected.trim()) {
        true => Ok(()),
        false => Err(Error::failed(format!(
            "what {url} gives is not the release that --checksum names: its SHA-256 is {own}; compare that with what whoever \
             released it tells, and deploy nothing until both are the same"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use pipeline::error::ErrorChain;

    use super::*;

    /// Answers one request so; gives a URL to ask, with secrets in it.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        format!("http://erika:secret-1@{address}/release.tar.gz?X-Amz-Signature=secret-2#secret-3")
    }

    fn archive(path: &str) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, &b"{}"[..]).unwrap();
        let mut packed = archive.into_inner().unwrap();
        packed.flush().unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn the_folder_in_an_archive_is_found_and_deleted_when_it_is_not_needed_any_more() {
        let source = Source::unpack(&archive("upvest-webhooks-1.2.3/release.json")).unwrap();
        assert!(source.folder().ends_with("upvest-webhooks-1.2.3"));
        let unpacked = source.folder().parent().unwrap().to_owned();
        assert!(source.folder().join(RELEASE_FILE).exists());
        drop(source);
        assert!(!unpacked.exists());
        let error = Source::unpack(&archive("other/file")).unwrap_err().to_string();
        assert!(error.starts_with("the archive holds no release"), "{error}");
    }

    #[tokio::test]
    async fn a_url_needs_a_checksum_and_a_folder_has_its_own() {
        let url = Source::open("https://example.com/upvest-webhooks-1.2.3.tar.gz", None).await;
        assert_eq!(url.unwrap_err().kind(), crate::ErrorKind::Usage);
        let folder = Source::open("dist", Some("00")).await;
        assert_eq!(folder.unwrap_err().kind(), crate::ErrorKind::Usage);
    }

    #[tokio::test]
    async fn no_message_about_a_url_holds_what_lets_others_have_the_release() {
        let refused = server("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let other = server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother");
        for (url, told) in [(refused, "403 Forbidden"), (other, "is not the release")] {
            let error = Source::open(&url, Some("00")).await.unwrap_err();
            let words = ErrorChain(&error).to_string();
            assert!(
                words.contains(told) && words.contains("/release.tar.gz"),
                "{words}"
            );
            assert!(words.contains("http://127.0.0.1:"), "{words}");
            assert!(!words.contains("secret") && !words.contains("erika"), "{words}");
        }
        assert_eq!(shown("https://"), "a URL that cannot be read");
    }

    #[tokio::test]
    async fn more_than_a_release_can_have_is_not_taken() {
        let url = || server("HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello world");
        assert_eq!(download(&url(), 11).await.unwrap(), b"hello world");
        let error = download(&url(), 10).await.unwrap_err().to_string();
        assert!(error.contains("it has more than 10 bytes"), "{error}");
    }

    #[test]
    fn an_archive_that_is_not_what_was_released_is_refused_with_what_it_is() {
        let told = check("https://example.com/r.tar.gz", b"other", "00")
            .unwrap_err()
            .to_string();
        assert!(told.contains(&checksum(b"other")), "{told}");
        assert!(check("u", b"other", &checksum(b"other").to_uppercase()).is_ok());
    }
}
