//! Writes the corpus of the targets from the deliveries, samples and vectors of `events/`, whatever is there already:
//! `cargo build --workspace --example write_corpus && target/debug/examples/write_corpus`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in json_files(&root.join("events/vectors"))? {
        let vector: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let request = request(&vector, "path", "query")?;
        write("signature", &path, &request.concat())?;
        for key in vector["keys"].as_array().into_iter().flatten() {
            // The same few keys in many vectors.
            let id = key["key_id"].as_str().unwrap_or_default();
            if !key["jwk"].is_null() && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                write("jwk", Path::new(id), &serde_json::to_vec(&key["jwk"])?)?;
            }
        }
    }
    for path in json_files(&root.join("events/samples"))? {
        let body =
            serde_json::to_vec(&json!({ "payload": serde_json::from_slice::<Value>(&fs::read(&path)?)? }))?;
        write("delivery", &path, &body)?;
    }
    for path in json_files(&root.join("events/deliveries"))? {
        let delivery: Value = serde_json::from_slice(&fs::read(&path)?)?;
        write("envelope", &path, &envelope(&delivery)?)?;
    }
    Ok(())
}

fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    Ok(paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect())
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns the head of a request and its body, as the target reads them.
fn request(from: &Value, path: &str, query: &str) -> Result<[Vec<u8>; 2]> {
    let text = |name: &str| from[name].as_str().unwrap_or_default();
    let query = Some(text(query)).filter(|query| !query.is_empty());
    let mut head = format!(
        "{} {}{}\n",
        text("method"),
        text(path),
        query.map_or(String::new(), |query| format!("?{query}"))
    );
    for header in from["headers"].as_array().into_iter().flatten() {
        let [name, value] = [&header[0], &header[1]].map(|part| part.as_str().unwrap_or_default());
        head.push_str(&format!("{name}: {value}\n"));
    }
    head.push('\n');
    let body = match from["body_base64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded)?,
        None => text("body").as_bytes().to_vec(),
    };
    Ok([head.into_bytes(), body])
}

/// Returns the message that ingest makes of a delivery, attributes first.
fn envelope(delivery: &Value) -> Result<Vec<u8>> {
    let headers: Vec<Value> = delivery["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| json!([name, value]))
        .collect();
    let request = json!({ "method": "POST", "path": delivery["rawPath"], "headers": headers });
    let mut message = Vec::new();
    writeln!(message, "delivery_id: 0192f0c1-2b3c-7def-8123-456789abcdef")?;
    writeln!(message, "received_at: 2026-01-05T17:00:01.5Z")?;
    writeln!(message, "request: {request}")?;
    if delivery["isBase64Encoded"] == json!(true) {
        writeln!(message, "encoding: base64")?;
    }
    write!(message, "\n{}", delivery["body"].as_str().unwrap_or_default())?;
    Ok(message)
}

fn write(target: &str, like: &Path, bytes: &[u8]) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(stem(like)), bytes)?)
}
