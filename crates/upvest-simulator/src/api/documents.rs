//! `/reports`, `/files`, and the storage to which the locations of files lead.
//!
//! Upvest's storage is Google's; here it is a path under `/storage/`, named with another host than the API's where
//! there is one. It refuses requests with credentials or signatures, which are none of its business.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use super::gate;
use super::problem::Problem;
use crate::simulator::Simulator;

/// Says how long a location leads to its file (<https://docs.upvest.co/documentation/guides/files/retrieving_data>).
const LOCATION_LIFETIME: Duration = Duration::from_secs(15 * 60);

pub(super) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/reports/{id}", get(report))
        .route("/files/{namespace}/{name}", get(file))
}

pub(super) fn storage_router() -> Router<Arc<Simulator>> {
    Router::new().route("/storage/{token}", get(storage))
}

async fn report(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let report = simulator.api().reports.lock().get(&id).cloned();
    let report = report.ok_or_else(|| Problem::not_found(format!("there is no report {id}")))?;
    Ok(match headers.get(header::ACCEPT).map(|value| value.as_bytes()) {
        Some(b"application/pdf") => {
            ([(header::CONTENT_TYPE, "application/pdf")], pdf(&report)).into_response()
        }
        _ => Json(report).into_response(),
    })
}

/// Makes a page that shows the report's type and id.
fn pdf(report: &Value) -> Vec<u8> {
    let text = |name: &str| {
        report[name]
            .as_str()
            .unwrap_or_default()
            .replace(['(', ')', '\\'], "")
    };
    let content = format!("BT /F1 12 Tf 72 720 Td ({} {}) Tj ET", text("type"), text("id"));
    let page = "/MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >>";
    format!(
        "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 \
         >> endobj\n3 0 obj << /Type /Page /Parent 2 0 R {page} /Contents 4 0 R >> endobj\n4 0 obj << /Length {} \
         >> stream\n{content}\nendstream endobj\n5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> \
         endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n",
        content.len()
    )
    .into_bytes()
}

async fn file(
    State(simulator): State<Arc<Simulator>>,
    Path(key): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let file = simulator.api().files.lock().get(&key).cloned();
    let file = file.ok_or_else(|| Problem::not_found(format!("there is no file {}/{}", key.0, key.1)))?;
    let token = Uuid::new_v4().simple().to_string();
    let until = simulator.now() + LOCATION_LIFETIME;
    simulator
        .api()
        .locations
        .lock()
        .insert(token.clone(), (key, until));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = host.replace("127.0.0.1", "localhost");
    let signed_url = format!("http://{host}/storage/{token}?Expires={}", until.as_second());
    Ok(Json(json!({
        "id": file.id.to_string(),
        "signed_url": signed_url,
        "updated_at": file.updated_at.to_string(),
    })))
}

async fn storage(
    State(simulator): State<Arc<Simulator>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let mut record = gate::record(&parts);
    let private = |name: &header::HeaderName| {
        let name = name.as_str();
        name.starts_with("upvest-") || name.starts_with("signature") || name == "authorization"
    };
    let place = simulator.api().locations.lock().get(&token).cloned();
    let file = place
        .filter(|(_, until)| simulator.now() < *until)
        .and_then(|(key, _)| simulator.api().files.lock().get(&key).cloned());
    let trouble = simulator.api().take_trouble(&record.path);
    let refusal = trouble.and_then(|trouble| StatusCode::from_u16(trouble.status?).ok());
    let response = match (file, refusal) {
        _ if parts.headers.keys().any(private) => StatusCode::BAD_REQUEST.into_response(),
        (_, Some(status)) => status.into_response(),
        (Some(file), None) => file.bytes.into_response(),
        (None, None) => StatusCode::FORBIDDEN.into_response(),
    };
    record.status = response.status().as_u16();
    simulator.api().record(record);
    response
}
