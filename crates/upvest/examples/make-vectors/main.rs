//! Writes the signature test vectors of `events/vectors`; run it by `cargo run -p upvest --example make-vectors`.
//!
//! The signature bases are written here, apart from the crate's own code, and only the signing is the crate's: a
//! mistake in one of the two shows when the tests run the vectors. ECDSA signatures are random, so a vector whose
//! other contents have not changed keeps the signature it has.

mod accepted;
mod plan;
mod refuted;
mod rejected;
mod vector;

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/vectors");
    fs::create_dir_all(&folder)?;
    for vector in accepted::all()?
        .into_iter()
        .chain(rejected::all()?)
        .chain(refuted::all()?)
    {
        let path = folder.join(format!("{}.json", vector.name));
        let old = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let new = serde_json::to_value(&vector)?;
        if old.is_none_or(|old| without_signature(&old) != without_signature(&new)) {
            fs::write(&path, serde_json::to_string_pretty(&vector)? + "\n")?;
        }
    }
    Ok(())
}

fn without_signature(vector: &Value) -> Value {
    let mut vector = vector.clone();
    if let Some(headers) = vector["headers"].as_array_mut() {
        headers.retain(|header| header[0] != "signature");
    }
    vector
}
