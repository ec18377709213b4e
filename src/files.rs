//! What is read from files, and read again when they change; a file that can't be what it must be changes nothing.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use blake3::Hash;
use tracing::{error, info};

/// What others may not: read, write or run it; nor may the group write it.
const TOO_OPEN: u32 = 0o027;

/// Whoever may change what says who is let in is let in.
const CHANGEABLE: u32 = 0o022;

/// The largest file that is one of these.
const LARGEST: u64 = 4 << 20;

/// A value that is replaced as a whole. Cheap to clone; every clone is the same value. Reading it locks nothing.
#[derive(Debug)]
pub(crate) struct Current<T>(Arc<ArcSwap<T>>);

/// A file, and whether it is nobody else's business.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    /// The flag, or the part of a flag, that names it.
    pub flag: &'static str,
    pub path: PathBuf,
    pub is_private: bool,
}

/// Files that are looked at again and again.
pub(crate) trait Watched: Send {
    /// Looks at them once. Blocks.
    fn look(&mut self);
}

/// A value that is made from files.
pub(crate) struct Files<T> {
    what: &'static str,
    inputs: Vec<Input>,
    make: Make<T>,
    current: Current<T>,
    /// What the value was made from.
    made_from: Hash,
    /// What they held when they were last looked at: what is being written is left alone until it no longer changes.
    seen: Option<Hash>,
    /// What was refused, so that it is said once.
    refused: Option<Hash>,
}

type Make<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, String> + Send>;

impl<T> Current<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    pub(crate) fn get(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    pub(crate) fn set(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Files<T> {
    /// Makes the value for the first time.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and what mends it.
    pub(crate) fn open(
        what: &'static str,
        inputs: Vec<Input>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, String> + Send + 'static,
    ) -> Result<Self, String> {
        let contents = read(&inputs)?;
        let (current, made_from) = (Current::new(guarded(|| make(&contents))?), digest(&contents));
        Ok(Self { what, inputs, make: Box::new(make), current, made_from, seen: None, refused: None })
    }

    /// The value, which follows the files.
    pub(crate) fn current(&self) -> Current<T> {
        self.current.clone()
    }

    fn refuse(&mut self, held: Hash, problem: &str) {
        if self.refused.replace(held) != Some(held) {
            error!(problem, "the new {} is refused, and the one before stays in use", self.what);
        }
    }
}

impl<T: Send + Sync> Watched for Files<T> {
    fn look(&mut self) {
        let contents = match read(&self.inputs) {
            Ok(contents) => contents,
            Err(problem) => return self.refuse(blake3::hash(problem.as_bytes()), &problem),
        };
        let held = digest(&contents);
        if held == self.made_from {
            (self.seen, self.refused) = (None, None);
        } else if self.seen.replace(held) == Some(held) && self.refused != Some(held) {
            match guarded(|| (self.make)(&contents)) {
                Ok(value) => {
                    self.current.set(value);
                    (self.made_from, self.refused) = (held, None);
                    info!("the new {} is in use", self.what);
                }
                Err(problem) => self.refuse(held, &problem),
            }
        }
    }
}

/// Has something read, with a panic of what reads it as an error: what one source holds must not end the following of all.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // what it had begun goes with it: whatever it makes is made anew each time
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("what reads it panicked, as the log says".to_owned()))
}

fn read(inputs: &[Input]) -> Result<Vec<Vec<u8>>, String> {
    inputs.iter().map(Input::read).collect()
}

fn digest(contents: &[Vec<u8>]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for content in contents {
        hasher.update(&content.len().to_le_bytes()).update(content);
    }
    hasher.finalize()
}

impl Input {
    /// What is in it.
    ///
    /// # Errors
    /// A sentence that names the flag, the file and what mends it.
    pub(crate) fn read(&self) -> Result<Vec<u8>, String> {
        let Self { flag, path, is_private } = self;
        let shown = path.display();
        let failed = |error: io::Error| format!("{flag} {shown}: {error}; name a file that rolegate may read");
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(format!("{flag} {shown}: is no regular file"));
        }
        if *is_private && metadata.mode() & TOO_OPEN != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(format!(
                "{flag} {shown}: others may read or change it (mode {mode:o}); run `chmod 600 {shown}`"
            ));
        }
        if metadata.mode() & CHANGEABLE != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(format!("{flag} {shown}: others may change it (mode {mode:o}); run `chmod 644 {shown}`"));
        }
        if metadata.len() > LARGEST {
            return Err(format!("{flag} {shown}: is larger than 4 MiB"));
        }
        let content = fs::read(path).map_err(failed)?;
        if content.iter().all(u8::is_ascii_whitespace) { Err(format!("{flag} {shown}: is empty")) } else { Ok(content) }
    }
}

/// Reads a file that only its owner should see, for a command.
///
/// # Errors
/// A sentence that names the flag, the file and what mends it.
pub fn read_private(flag: &'static str, path: &Path) -> Result<Vec<u8>, String> {
    Input { flag, path: path.to_owned(), is_private: true }.read()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A number in a file.
    fn number(path: &Path) -> Result<Files<u32>, String> {
        let input = Input { flag: "--number", path: path.to_owned(), is_private: true };
        Files::open("number", vec![input], |contents| {
            let text = std::str::from_utf8(&contents[0]).map_err(|error| error.to_string())?;
            assert_ne!(text, "panic", "a number that the parser does not stand");
            text.trim().parse().map_err(|error| format!("{error}"))
        })
    }

    fn write(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_changed_is_taken_when_it_stands_still_and_what_is_broken_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        write(&path, "1", 0o600);
        let mut files = number(&path).unwrap();
        let current = files.current();
        let mut look = |content: &str| {
            write(&path, content, 0o600);
            files.look();
            **current.get()
        };
        assert_eq!(look("2"), 1, "it may still be written");
        assert_eq!(look("22"), 1, "it was");
        assert_eq!(look("22"), 22);
        for broken in ["two", "two", "", "", "22"] {
            assert_eq!(look(broken), 22);
        }
        assert_eq!((look("3"), look("3")), (22, 3));
        write(&path, "4", 0o604);
        files.look();
        files.look();
        assert_eq!(**current.get(), 3, "what others may read is not taken");
        fs::remove_file(&path).unwrap();
        files.look();
        assert_eq!(**current.get(), 3, "what is gone changes nothing");
        write(&path, "4", 0o640);
        files.look();
        files.look();
        assert_eq!(**current.get(), 4, "a group may read it");
    }

    #[test]
    fn a_parser_that_panics_changes_nothing_and_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, second) = (folder.path().join("number"), folder.path().join("second"));
        write(&path, "panic", 0o600);
        assert!(number(&path).err().unwrap().contains("panicked"), "at the start it is a refusal");
        write(&path, "1", 0o600);
        write(&second, "1", 0o600);
        let mut watched = [number(&path).unwrap(), number(&second).unwrap()];
        let mut look = |first: &str, other: &str| {
            write(&path, first, 0o600);
            write(&second, other, 0o600);
            for files in &mut watched {
                files.look();
                files.look();
            }
            watched.each_ref().map(|files| **files.current().get())
        };
        assert_eq!(look("panic", "2"), [1, 2]);
        assert_eq!(look("3", "3"), [3, 3]);
    }

    #[test]
    fn a_file_that_can_not_be_used_is_refused_with_what_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let refused = || number(&path).err().unwrap();
        assert!(refused().contains("name a file that rolegate may read"));
        for (content, mode, part) in [("1", 0o644, "chmod 600"), ("1", 0o620, "chmod 600"), (" \n", 0o600, "is empty")]
        {
            write(&path, content, mode);
            let said = refused();
            assert!(said.contains(part) && said.contains("--number"), "{said}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(refused().contains("no regular file"));
    }
}
