//! Archives whose bytes follow from their content: fixed times, owners and modes, in the order that they are given.

use std::io::{Cursor, Write};

use flate2::{Compression, GzBuilder};
use operator::{Error, Result};
use tar::{Builder, EntryType, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

/// Is the name under which Lambda starts a program.
const BOOTSTRAP: &str = "bootstrap";
/// Is the time of everything in an archive, the first that a zip knows: 1980-01-01, in seconds since 1970.
const TIME: u64 = 315_532_800;
/// Names gzip's value for an unknown operating system, so that none is told.
const NO_SYSTEM: u8 = 255;

/// Says how much is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// As much as is possible, for what is sent through the network.
    Best,
    /// As little as is worth its time, for what stays on this machine.
    Fast,
}

impl Effort {
    fn level(self) -> u32 {
        match self {
            Self::Best => 9,
            Self::Fast => 1,
        }
    }
}

/// Holds a file of an archive.
pub(crate) struct Entry {
    /// Is its path, with slashes.
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    /// Says whether it is a program.
    pub(crate) is_program: bool,
}

/// Makes the zip that Lambda takes a program in.
pub(crate) fn zip(program: &[u8], effort: Effort) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(i64::from(effort.level())))
        .last_modified_time(DateTime::default())
        // Whatever it is made on: a mode counts only in a zip of Unix, and Lambda has to start the program.
        .system(System::Unix)
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(BOOTSTRAP, options).map_err(of_zip)?;
    writer.write_all(program)?;
    Ok(writer.finish().map_err(of_zip)?.into_inner())
}

/// Makes a tar.gz of files below one folder.
pub(crate) fn tar_gz(folder: &str, entries: &[Entry], effort: Effort) -> Result<Vec<u8>> {
    let compressed = GzBuilder::new()
        .mtime(0)
        .operating_system(NO_SYSTEM)
        .write(Vec::new(), Compression::new(effort.level()));
    let mut builder = Builder::new(compressed);
    for entry in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(u64::try_from(entry.content.len()).expect("a file in memory has a size of 64 bits"));
        header.set_mode(if entry.is_program { 0o755 } else { 0o644 });
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(
            &mut header,
            format!("{folder}/{}", entry.path),
            entry.content.as_slice(),
        )?;
    }
    Ok(builder.into_inner()?.finish()?)
}

fn of_zip(error: zip::result::ZipError) -> Error {
    std::io::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// A program that compresses, and not to nothing.
    fn program() -> Vec<u8> {
        (0..200_000_u32)
            .flat_map(|number| (number / 7).to_le_bytes())
            .collect()
    }

    #[test]
    fn the_same_program_makes_the_same_zip_whenever_it_is_made() {
        for effort in [Effort::Best, Effort::Fast] {
            assert_eq!(zip(&program(), effort).unwrap(), zip(&program(), effort).unwrap());
        }
        assert!(zip(&program(), Effort::Best).unwrap().len() < program().len());
    }

    #[test]
    fn a_zip_has_one_program_that_may_be_started_and_no_time_of_the_day() {
        let made = zip(&program(), Effort::Best).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(made)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name(), "bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(file.last_modified(), Some(DateTime::default()));
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content, program());
    }

    #[test]
    fn an_archive_of_files_keeps_their_order_and_tells_neither_time_nor_owner() {
        let entry = |path: &str, is_program| Entry {
            path: path.to_owned(),
            content: path.as_bytes().to_vec(),
            is_program,
        };
        let entries = [entry("bin/upvest-webhooks", true), entry("LICENSE", false)];
        let made = tar_gz("top", &entries, Effort::Best).unwrap();
        assert_eq!(made, tar_gz("top", &entries, Effort::Best).unwrap());
        assert_eq!(made[4..8], [0; 4], "gzip tells no time");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(made.as_slice()));
        let read: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let path = entry.path().unwrap().display().to_string();
                (
                    path,
                    header.mode().unwrap(),
                    header.mtime().unwrap(),
                    header.uid().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                ("top/bin/upvest-webhooks".to_owned(), 0o755, TIME, 0),
                ("top/LICENSE".to_owned(), 0o644, TIME, 0),
            ]
        );
    }
}
