//! Files that a test leaves for a command.

use std::path::Path;

/// Writes a file with a secret, which only its owner can read.
///
/// # Panics
///
/// If it cannot be written.
pub fn write_secret(path: &Path, secret: impl AsRef<[u8]>) {
    std::fs::write(path, secret).expect("the file can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, own).expect("the file is ours");
    }
}
