//! The samples that are delivered, file by file.

use upvest_simulator::read_events;

use super::error::RunError;

/// Names the folder of the events that are delivered.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/samples");

/// Holds the title of a file of samples, and its events.
pub(crate) type Story = (String, Vec<String>);

/// Reads the samples: the title of each file, and its events.
pub(crate) fn stories() -> Result<Vec<Story>, RunError> {
    let unreadable = |source| RunError::Folder { source };
    let entries = std::fs::read_dir(SAMPLES).map_err(unreadable)?;
    let mut files: Vec<_> = entries
        .map(|entry| Ok(entry.map_err(unreadable)?.path()))
        .collect::<Result<_, RunError>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let stories = files.iter().map(|file| {
        let name = file
            .file_stem()
            .expect("a listed file has a name")
            .to_string_lossy();
        let title = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        Ok((title.replace('-', " "), read_events(file)?))
    });
    stories.collect()
}
