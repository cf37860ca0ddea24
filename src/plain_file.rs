//! Files that somebody else names (pure).
//!
//! A connection string names files: certificates, keys, passwords. What it names may be a FIFO, a device, or one of the
//! process's own pipes, and opening or reading it could wait for ever, where nothing can interrupt that. So only plain files
//! are opened, without blocking, and no more of them is read than such files have.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many bytes may be read of one. The system's list of certificate authorities has about 200 kB.
pub const LONGEST: u64 = 16 * 1024 * 1024;

/// All of a file, and what it is. Fails if it isn't a plain one, or has more than [`LONGEST`] bytes.
pub fn read(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let (file, metadata) = open(path, OpenOptions::new().read(true))?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok((bytes, metadata))
}

/// Opens a file, if it is a plain one.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<(File, Metadata)> {
    // Opening a device may do something. What is there by the time it is opened counts all the same.
    if let Ok(metadata) = fs::metadata(path) {
        check(&metadata)?;
    }
    let file = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// A plain file that is open, for a library that wants a path: what has been looked at is what it will open.
pub struct Pinned {
    _file: File,
    path: PathBuf,
}

impl Pinned {
    /// Fails if it isn't a plain file, or has more than [`LONGEST`] bytes.
    pub fn open(path: &Path) -> io::Result<Pinned> {
        let (file, metadata) = open(path, OpenOptions::new().read(true))?;
        if metadata.len() > LONGEST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        // Not everywhere does a descriptor's path lead to the file: then its own path has to do.
        let path = [PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd())), path.to_owned()]
            .into_iter()
            .find(|path| fs::metadata(path).is_ok_and(|found| is_same(&found, &metadata)))
            .ok_or(ErrorKind::NotFound)?;
        Ok(Pinned { _file: file, path })
    }

    /// Where it is as long as this is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether the error is that a file isn't a plain one.
pub fn is_other(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<NotPlain>())
}

#[derive(Debug, thiserror::Error)]
#[error("not a regular file")]
struct NotPlain;

fn check(metadata: &Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, NotPlain)),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Pinned, is_other, open, read};
    use std::fs::{self, File, OpenOptions};
    use std::io::{ErrorKind, pipe};
    use std::os::fd::AsRawFd;
    use std::path::{Path, PathBuf};

    /// A new directory, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let directory = std::env::temp_dir().join(format!("plproxy-{name}-{}", std::process::id()));
            fs::create_dir(&directory).unwrap();
            Directory(directory)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn plain_files_are_read() {
        let directory = Directory::new("plain");
        let file = directory.0.join("file");
        fs::write(&file, "text").unwrap();
        assert_eq!(read(&file).unwrap().0, b"text");
        assert_eq!(read(&directory.0.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_pinned_file_stays_what_it_was() {
        let directory = Directory::new("pinned");
        let file = directory.0.join("file");
        fs::write(&file, "text").unwrap();
        let pinned = Pinned::open(&file).unwrap();
        fs::rename(&file, directory.0.join("moved")).unwrap();
        fs::write(&file, "another").unwrap();
        assert_eq!(fs::read(pinned.path()).unwrap(), b"text");
        assert!(Pinned::open(&directory.0).is_err_and(|error| is_other(&error)));
    }

    /// Were one of them opened or read as a file is, this test would have no end.
    #[test]
    fn nothing_else_is() {
        let directory = Directory::new("fifo");
        let fifo = directory.0.join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        let (reader, _writer) = pipe().unwrap();
        let own_pipe = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        for path in [&fifo, &own_pipe, &directory.0, Path::new("/dev/zero")] {
            let error = read(path).unwrap_err();
            assert!(is_other(&error), "{path:?}: {error}");
            assert!(Pinned::open(path).is_err_and(|error| is_other(&error)), "{path:?}");
            let appended = open(path, OpenOptions::new().append(true));
            assert!(appended.is_err(), "{path:?}");
        }
    }

    #[test]
    fn there_is_a_limit() {
        let directory = Directory::new("long");
        let file = directory.0.join("file");
        File::create(&file).unwrap().set_len(LONGEST).unwrap();
        assert_eq!(read(&file).unwrap().0.len() as u64, LONGEST);
        File::create(&file).unwrap().set_len(LONGEST + 1).unwrap();
        assert_eq!(read(&file).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }
}
