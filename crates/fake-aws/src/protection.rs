//! How tables and buckets are protected, as the account says it.

use serde_json::json;

use crate::reply::Reply;
use crate::s3;

/// Tells whether a table can be restored to any second.
pub(crate) fn backups(on: bool) -> Reply {
    let status = if on { "ENABLED" } else { "DISABLED" };
    Reply::json(&json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status, "RecoveryPeriodInDays": 35 },
    } }))
}

/// Answers what is asked of a bucket's protection; `None` for what is not about that.
pub(crate) fn bucket_setting(operation: &str, lacks: impl Fn(&'static str) -> bool) -> Option<Reply> {
    let xml = match operation {
        "GetBucketVersioning" if lacks("GetBucketVersioning") => "<VersioningConfiguration/>",
        "GetBucketVersioning" => {
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        }
        "GetPublicAccessBlock" if lacks("GetPublicAccessBlock") => {
            let code = "NoSuchPublicAccessBlockConfiguration";
            return Some(s3::error(
                404,
                code,
                "The public access block configuration was not found",
            ));
        }
        "GetPublicAccessBlock" => {
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
             <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
             <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
        }
        "GetBucketEncryption" if lacks("GetBucketEncryption") => {
            let code = "ServerSideEncryptionConfigurationNotFoundError";
            return Some(s3::error(
                404,
                code,
                "The server side encryption configuration was not found",
            ));
        }
        "GetBucketEncryption" => {
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
             <SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>\
             </ServerSideEncryptionConfiguration>"
        }
        "GetBucketPolicy" => {
            let code = "NoSuchBucketPolicy";
            return Some(s3::error(404, code, "The bucket policy does not exist"));
        }
        _ => return None,
    };
    Some(Reply::ok(xml))
}
