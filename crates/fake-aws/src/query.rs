//! Errors of the services whose protocol is a form and XML.

use crate::reply::Reply;

/// Writes an error as these services do.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply {
        status,
        error: Some(code.to_owned()),
        ..Reply::ok(format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>r</RequestId></ErrorResponse>"
        ))
    }
}
