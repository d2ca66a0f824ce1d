//! Folders for the parts' files, below cargo's own folder for such things.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

/// A new folder, removed when dropped.
pub fn new(prefix: &str) -> TempDir {
    let builder = tempfile::Builder::new().prefix(prefix).tempdir_in(&*RUN);
    builder.expect("a folder for a part")
}

/// One folder per test process. What lives as long as the process (the shared
/// Django) cannot remove its folder, so the next run of the same test binary does:
/// another one may run where this one's processes are not seen.
static RUN: LazyLock<PathBuf> = LazyLock::new(|| {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("stack")
        .join(env!("CARGO_CRATE_NAME"));
    for old in fs::read_dir(&all).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(old.file_name()).exists() {
            let _ = fs::remove_dir_all(old.path());
        }
    }
    let run = all.join(std::process::id().to_string());
    fs::create_dir_all(&run).expect("a folder for the run");
    run
});
