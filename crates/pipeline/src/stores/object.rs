//! Reading an object of a bucket whole.

use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::AggregatedBytes;

use crate::error::{AwsError, Kind};

/// Reads the object that `request` asks for, with its entity tag, by which a later write can tell whether it was changed; `None`
/// when there is none. An error names `call`.
///
/// # Errors
///
/// [`AwsError`] when that cannot be found out, or the answer breaks off.
pub(super) async fn read(
    request: GetObjectFluentBuilder,
    call: &'static str,
) -> Result<Option<(AggregatedBytes, String)>, AwsError> {
    let object = match request.send().await {
        Ok(object) => object,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_no_such_key()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(AwsError::of(call)(error)),
    };
    let tag = object.e_tag.unwrap_or_default();
    let body = object.body.collect().await;
    let body = body.map_err(AwsError::beside(call, Kind::Infrastructure))?;
    Ok(Some((body, tag)))
}
