//! A small share of a CPU, as Lambda gives a function of 256 MB: a control group of Linux, where the machine allows to make one.

use std::fs;
use std::path::{Path, PathBuf};

/// Says how much of a CPU a function of 256 MB has, in percent: Lambda gives a whole one at 1,769 MB.
pub const PERCENT: u32 = 15;
/// Is the time over which the share is granted, in microseconds.
const PERIOD: u32 = 100_000;
const NAME: &str = "upvest-webhooks-bench";

/// Is a control group, which is removed when this is dropped.
#[derive(Debug)]
pub struct Throttle {
    group: PathBuf,
}

impl Throttle {
    /// Makes the group; `None` where this machine or this user cannot.
    #[must_use]
    pub fn make() -> Option<Self> {
        let quota = PERIOD * PERCENT / 100;
        // Version 2 has one file for both numbers, version 1 one for each.
        Self::in_folder(
            Path::new("/sys/fs/cgroup"),
            &[("cpu.max", format!("{quota} {PERIOD}"))],
        )
        .or_else(|| {
            Self::in_folder(
                Path::new("/sys/fs/cgroup/cpu"),
                &[
                    ("cpu.cfs_period_us", PERIOD.to_string()),
                    ("cpu.cfs_quota_us", quota.to_string()),
                ],
            )
        })
    }

    fn in_folder(parent: &Path, settings: &[(&str, String)]) -> Option<Self> {
        // Only in a control group's folder are the files there, once it is made.
        if !parent.join("cgroup.procs").exists() {
            return None;
        }
        let group = parent.join(NAME);
        if !group.exists() {
            fs::create_dir(&group).ok()?;
        }
        let throttle = Self { group };
        for (file, value) in settings {
            fs::write(throttle.group.join(file), value).ok()?;
        }
        Some(throttle)
    }

    /// Wraps a command: a shell enters the group and becomes the program.
    #[must_use]
    pub fn wrap(&self, command: &[String]) -> Vec<String> {
        let enter = "echo $$ > \"$0\" && exec \"$@\"";
        let procs = self.group.join("cgroup.procs");
        let shell = ["/bin/sh", "-c", enter].map(str::to_owned);
        let arguments = [procs.display().to_string()]
            .into_iter()
            .chain(command.iter().cloned());
        shell.into_iter().chain(arguments).collect()
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // The folder of a control group is removed with the files that the system shows in it.
        let _ = fs::remove_dir(&self.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_control_group_is_left_alone() {
        assert!(Throttle::in_folder(Path::new("/tmp"), &[]).is_none());
    }

    #[test]
    fn the_program_follows_the_entry_into_the_group() {
        let throttle = Throttle {
            group: PathBuf::from("/nowhere/group"),
        };
        let wrapped = throttle.wrap(&["/bin/f".to_owned(), "a b".to_owned()]);
        assert_eq!(wrapped[3..], ["/nowhere/group/cgroup.procs", "/bin/f", "a b"]);
    }
}
