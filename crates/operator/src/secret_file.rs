//! Files with secrets, which nobody but their owner may be able to read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Reads a file with a secret, if it is its owner's alone. `what` names it in an error, such as `key file`.
///
/// # Errors
///
/// [`Error`] when others can read it, or it cannot be read.
pub(crate) fn read(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let shown = path.display();
    let unreadable = || format!("cannot read {what} {shown}");
    let mut file = File::open(path).map_err(Error::context(unreadable()))?;
    // Asked of what was opened: another file may have the name by now.
    if is_open_to_others(&file).map_err(Error::context(unreadable()))? {
        return Err(Error::usage(format!(
            "others can read {what} {shown}: `chmod 600 {shown}`, and replace the secret if others use this machine"
        )));
    }
    let mut content = Zeroizing::new(Vec::new());
    file.read_to_end(&mut content)
        .map_err(Error::context(unreadable()))?;
    Ok(content)
}

/// Tells whether the group or others have any right to a file. A pipe or a terminal is nobody's to find later.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.mode() & 0o077 != 0)
}

/// Knows nothing of the rights of files on other systems.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::NamedTempFile;

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_or_replace_is_refused() {
        let file = NamedTempFile::new().unwrap();
        let path = file.path();
        fs::write(path, b"sixteen bytes or more").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o601] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            let error = read("key file", path).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{mode:o}: {error}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(&**read("key file", path).unwrap(), b"sixteen bytes or more");
        }
        assert!(read("key file", Path::new("/none")).is_err());
    }
}
