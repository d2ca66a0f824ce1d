//! Writes the seeds of all targets into `corpus/`. What else is there stays:
//! inputs that once were findings.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in token_relay_fuzz::seeds::all() {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for old in fs::read_dir(&folder)? {
            let old = old?;
            if !old.file_name().to_string_lossy().starts_with("finding-") {
                fs::remove_file(old.path())?;
            }
        }
        let count = seeds.len();
        for (name, seed) in seeds {
            fs::write(folder.join(name), seed.0)?;
        }
        println!("{target}: {count} seeds");
    }
    Ok(())
}
