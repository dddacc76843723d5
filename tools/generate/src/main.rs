//! `make generate` writes the generated files; with `--check`, as in `make check`, it only says which of them differ.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use generate::GenerateError;

/// Names the repository's root, two folders above the package.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [] => write(),
        [only] if only == "--check" => check(),
        _ => Err("usage: generate [--check]".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Without a place to write to, the exit code has to do.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), String> {
    for path in generate::write(Path::new(ROOT)).map_err(in_words)? {
        let _ = writeln!(io::stdout(), "wrote {}", path.display());
    }
    Ok(())
}

fn check() -> Result<(), String> {
    let differing = generate::differences(Path::new(ROOT)).map_err(in_words)?;
    if differing.is_empty() {
        return Ok(());
    }
    let files: Vec<String> = differing
        .iter()
        .map(|path| format!("  {}", path.display()))
        .collect();
    Err(format!(
        "generated parts differ from the tables of domains and categories (crates/upvest/src/category) or from the \
         template's parameters:\n{}\n\
         run `make generate`, and commit what it writes",
        files.join("\n")
    ))
}

fn in_words(error: GenerateError) -> String {
    format!("nothing was generated: {error}")
}
