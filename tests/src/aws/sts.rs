//! Security Token Service: who calls.

use super::wire::{Reply, Request};

/// Whom `GetCallerIdentity` names.
pub const OPERATOR: &str = "arn:aws:sts::123456789012:assumed-role/operator/erika";

/// Names the operation that a request of the query protocol asks for.
pub(crate) fn operation(http: &http::Request<Vec<u8>>) -> &str {
    let body = std::str::from_utf8(http.body()).unwrap_or_default();
    let mut parameters = body.split('&');
    parameters
        .find_map(|parameter| parameter.strip_prefix("Action="))
        .unwrap_or("Unknown")
}

/// Answers a request.
pub(crate) fn answer(request: &Request) -> Reply {
    if request.operation != "GetCallerIdentity" {
        return error(400, "InvalidAction", "The operation is not served in process.");
    }
    Reply::ok(format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{OPERATOR}</Arn><UserId>AROAEXAMPLE:erika</UserId><Account>123456789012</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    ))
}

/// An error as STS writes it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply {
        status,
        error: Some(code.to_owned()),
        ..Reply::ok(format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             </ErrorResponse>"
        ))
    }
}
