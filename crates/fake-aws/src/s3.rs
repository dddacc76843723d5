//! S3: objects in memory, written once or over, with the conditional put.

pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};

use crate::reply::Reply;
use crate::wire::Request;

use text::{decoded, escaped, unchunked};

/// Names the header with the SHA-256 of an object, which S3 holds against what is put.
const SHA256: &str = "x-amz-checksum-sha256";

/// Holds the buckets by name, each with its objects by key.
pub(crate) type Buckets = BTreeMap<String, BTreeMap<String, StoredObject>>;

/// Holds the newest version of an object of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Holds the object's bytes as they were put.
    pub bytes: Vec<u8>,
    /// Lists the headers of the put that S3 gives back: content type, encoding, user metadata, checksum.
    pub headers: BTreeMap<String, String>,
    /// Tells when it was put, in milliseconds since the epoch.
    pub modified_ms: u64,
}

impl StoredObject {
    fn etag(&self) -> String {
        format!("\"{}\"", hex(&Md5::digest(&self.bytes)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names the operation that an S3 request asks for.
pub(crate) fn operation(http: &http::Request<Vec<u8>>) -> &'static str {
    let key = address(http).1;
    let asks_for = |name: &str| {
        let mut query = http.uri().query().unwrap_or_default().split('&');
        query.any(|pair| pair.trim_end_matches('=') == name)
    };
    let method = http.method().as_str();
    for (verb, name, operation) in [
        ("GET", "versioning", "GetBucketVersioning"),
        ("PUT", "versioning", "PutBucketVersioning"),
        ("GET", "publicAccessBlock", "GetPublicAccessBlock"),
        ("PUT", "publicAccessBlock", "PutPublicAccessBlock"),
        ("GET", "encryption", "GetBucketEncryption"),
        ("GET", "policy", "GetBucketPolicy"),
        ("PUT", "policy", "PutBucketPolicy"),
    ] {
        if verb == method && asks_for(name) {
            return operation;
        }
    }
    match (method, key.is_empty()) {
        ("PUT", false) => "PutObject",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("DELETE", false) => "DeleteObject",
        ("GET", true) => "ListObjectsV2",
        ("HEAD", true) => "HeadBucket",
        ("PUT", true) => "CreateBucket",
        _ => "Unknown",
    }
}

/// Splits the address of a request into bucket and key; the bucket may be in the host name or in the path.
pub(crate) fn address(http: &http::Request<Vec<u8>>) -> (String, String) {
    let path = http.uri().path().trim_start_matches('/');
    let host = http.uri().host().unwrap_or_default();
    let (bucket, key) = match host.split_once(".s3.") {
        Some((bucket, _)) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    (decoded(bucket), decoded(key))
}

/// Answers a request from the buckets.
pub(crate) fn answer(buckets: &mut Buckets, request: &Request, now_ms: u64) -> Reply {
    let (bucket, key) = address(&request.http);
    if request.operation == "CreateBucket" {
        buckets.entry(bucket).or_default();
        return Reply::ok("");
    }
    let Some(objects) = buckets.get_mut(&bucket) else {
        if request.operation == "HeadBucket" {
            return Reply {
                body: Vec::new(),
                ..error(404, "NotFound", "")
            };
        }
        return error(404, "NoSuchBucket", "The specified bucket does not exist");
    };
    match request.operation.as_str() {
        "PutObject" => put(objects, key, request, now_ms),
        "GetObject" => objects.get(&key).map_or_else(
            || error(404, "NoSuchKey", "The specified key does not exist."),
            |object| Reply {
                body: object.bytes.clone(),
                ..described(object, &request.http)
            },
        ),
        "HeadObject" => objects.get(&key).map_or_else(
            // The answer to HEAD has no body, so the SDK has only the status to go by.
            || Reply {
                body: Vec::new(),
                ..error(404, "NotFound", "")
            },
            |object| Reply {
                body: Vec::new(),
                ..described(object, &request.http)
            },
        ),
        "DeleteObject" => {
            objects.remove(&key);
            Reply {
                status: 204,
                ..Reply::ok("")
            }
        }
        "ListObjectsV2" => list(&bucket, objects, &request.http),
        "HeadBucket" | "PutBucketVersioning" | "PutPublicAccessBlock" => Reply::ok(""),
        _ => error(405, "MethodNotAllowed", "The operation is not served in process."),
    }
}

/// Writes an error as S3 does, in XML.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Reply {
        status,
        error: Some(code.to_owned()),
        ..Reply::ok(body)
    }
}

fn put(objects: &mut BTreeMap<String, StoredObject>, key: String, request: &Request, now_ms: u64) -> Reply {
    let header = |name: &str| {
        request
            .http
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let there = objects.get(&key);
    let unchanged = |tag: &str| there.is_some_and(|object| object.etag() == tag);
    if header("if-match").is_some() && there.is_none() {
        return error(404, "NoSuchKey", "The specified key does not exist.");
    }
    if (header("if-none-match") == Some("*") && there.is_some())
        || header("if-match").is_some_and(|tag| !unchanged(tag))
    {
        return error(
            412,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        );
    }
    let chunked = header("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
    let body = request.http.body();
    let bytes = if chunked { unchunked(body) } else { body.clone() };
    let headers = kept_headers(&request.http);
    let object = StoredObject {
        bytes,
        headers,
        modified_ms: now_ms,
    };
    let reply = Reply {
        headers: vec![("etag".to_owned(), object.etag())],
        ..Reply::ok("")
    };
    objects.insert(key, object);
    reply
}

/// Picks the headers of a put that S3 keeps with the object.
fn kept_headers(http: &http::Request<Vec<u8>>) -> BTreeMap<String, String> {
    let known = [
        "content-type",
        "content-disposition",
        "content-encoding",
        "cache-control",
    ];
    let headers = http.headers().iter();
    let texts = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    texts
        .filter(|(name, value)| {
            // How a body was framed on its way is none of the object's encodings, here and below.
            (known.contains(name) && *value != "aws-chunked")
                || name.starts_with("x-amz-meta-")
                || *name == SHA256
        })
        .map(|(name, value)| {
            (
                name.to_owned(),
                value.replace(",aws-chunked", "").replace("aws-chunked,", ""),
            )
        })
        .collect()
}

/// Describes an object in headers, with its checksum only for whoever asks for that.
fn described(object: &StoredObject, http: &http::Request<Vec<u8>>) -> Reply {
    let is_asked_for = http.headers().contains_key("x-amz-checksum-mode");
    let own = [
        ("etag", object.etag()),
        ("content-length", object.bytes.len().to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let kept = object
        .headers
        .iter()
        .filter(|(name, _)| is_asked_for || name.as_str() != SHA256)
        .map(|(name, value)| (name.clone(), value.clone()));
    Reply {
        headers: own.into_iter().chain(kept).collect(),
        ..Reply::ok("")
    }
}

fn list(bucket: &str, objects: &BTreeMap<String, StoredObject>, http: &http::Request<Vec<u8>>) -> Reply {
    let query: BTreeMap<String, String> = (http.uri().query().unwrap_or_default().split('&'))
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect();
    let parameter = |name: &str| query.get(name).map_or("", String::as_str);
    let prefix = parameter("prefix");
    let after = parameter("continuation-token").max(parameter("start-after"));
    let limit = parameter("max-keys").parse().unwrap_or(1000).min(1000);
    let matching: Vec<_> = (objects.iter())
        .filter(|(key, _)| key.starts_with(prefix) && (after.is_empty() || key.as_str() > after))
        // One more than the page takes tells whether there is another page.
        .take(limit + 1)
        .collect();
    let page = &matching[..matching.len().min(limit)];
    let folder_of = |key: &str| folder(key, prefix, parameter("delimiter"));
    let folders: BTreeSet<String> = page.iter().filter_map(|(key, _)| folder_of(key)).collect();
    let folders: String = (folders.iter())
        .map(|folder| {
            format!(
                "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
                escaped(folder)
            )
        })
        .collect();
    let contents: String = page
        .iter()
        .filter(|(key, _)| folder_of(key).is_none())
        .map(|(key, object)| {
            let (key, etag, size) = (escaped(key), object.etag(), object.bytes.len());
            let modified = i64::try_from(object.modified_ms).ok().map(jiff::Timestamp::from_millisecond);
            let modified = modified.and_then(Result::ok).unwrap_or_default();
            format!(
                "<Contents><Key>{key}</Key><LastModified>{modified:.3}</LastModified><ETag>{etag}</ETag><Size>{size}</Size></Contents>"
            )
        })
        .collect();
    let truncated = matching.len() > limit;
    let next = page
        .last()
        .filter(|_| truncated)
        .map_or_else(String::new, |(key, _)| {
            format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key))
        });
    Reply::ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>{bucket}</Name><Prefix>{}</Prefix>\
         <KeyCount>{}</KeyCount><MaxKeys>{limit}</MaxKeys><IsTruncated>{truncated}</IsTruncated>{next}{contents}\
         {folders}\
         </ListBucketResult>",
        escaped(prefix),
        page.len(),
    ))
}

/// Cuts a key after the first delimiter that follows the prefix.
fn folder(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix).filter(|_| !delimiter.is_empty())?;
    let end = rest.find(delimiter)? + delimiter.len();
    Some(format!("{prefix}{}", &rest[..end]))
}
