//! A disk that fails on command: an SQLite VFS in front of the platform's own.
//!
//! It counts reads, writes, truncations and syncs, makes one of them (or all from one on) fail, and knows what no sync has
//! made durable yet, so that a test can see what a loss of power would leave.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

mod vfs;

/// A disk that fails on command. It lives as long as the process, because SQLite keeps pointers to it.
#[derive(Debug, Clone, Copy)]
pub struct Disk(&'static Shared);

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The device does not answer.
    Io,
    /// There is no room. Only what makes a file longer can fail so; the rest succeeds.
    Full,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The first to fail, counted from 1 since the plan was made.
    pub call: u64,
    /// How.
    pub failure: Failure,
    /// Whether all calls after it fail too.
    pub is_lasting: bool,
}

/// What a disk and SQLite's connections share.
#[derive(Debug)]
struct Shared {
    name: CString,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    failed_syncs: u64,
    plan: Option<Plan>,
    /// What undoes, newest last, all that was done to a file since its last sync.
    unsynced: HashMap<PathBuf, Vec<Undo>>,
}

/// Undoes one change to a file.
#[derive(Debug)]
enum Undo {
    /// Puts bytes back.
    Write(u64, Vec<u8>),
    /// Makes the file as long as it was.
    Resize(u64),
}

/// What a call does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
    Truncate,
    Sync,
}

impl Disk {
    /// A disk that works, for now.
    ///
    /// # Panics
    ///
    /// If SQLite refuses to register it.
    #[must_use]
    pub fn new() -> Self {
        static DISKS: AtomicU64 = AtomicU64::new(0);
        let number = DISKS.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("disk-{number}")).unwrap_or_default();
        let shared = Box::leak(Box::new(Shared { name, state: Mutex::default() }));
        assert!(vfs::register(shared), "SQLite takes no VFS more");
        Self(shared)
    }

    /// The name SQLite knows it by.
    #[must_use]
    pub fn vfs(&self) -> String {
        self.0.name.to_string_lossy().into_owned()
    }

    /// Makes calls fail; `None` repairs the disk. Counting begins anew.
    pub fn plan(&self, plan: Option<Plan>) {
        let mut state = self.0.state();
        state.calls = 0;
        state.failed_syncs = 0;
        state.plan = plan;
    }

    /// How many calls there were since the last plan.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.state().calls
    }

    /// How many syncs failed since the last plan.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.0.state().failed_syncs
    }

    /// Copies the files of a directory to another as a loss of power would leave them now: without all that was not synced.
    ///
    /// # Errors
    ///
    /// If a file cannot be copied.
    pub fn lose_power(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        let state = self.0.state();
        for file in std::fs::read_dir(from)? {
            let path = file?.path();
            let copy = to.join(path.file_name().unwrap_or_default());
            // Shared memory does not outlive the machine.
            if path.extension().is_some_and(|extension| extension == "db-shm") {
                continue;
            }
            let mut bytes = std::fs::read(&path)?;
            for undo in state.unsynced.get(&path).into_iter().flatten().rev() {
                undo.apply(&mut bytes);
            }
            std::fs::write(copy, bytes)?;
        }
        Ok(())
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Undo {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(usize::try_from(*length).unwrap_or(0), 0),
            Self::Write(offset, old) => {
                let start = usize::try_from(*offset).unwrap_or(0);
                bytes[start..start + old.len()].copy_from_slice(old);
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and says how it is to fail, if it is.
    fn fails(&self, call: Call) -> Option<Failure> {
        let mut state = self.state();
        state.calls += 1;
        let plan = state.plan?;
        let is_due = match plan.is_lasting {
            true => state.calls >= plan.call,
            false => state.calls == plan.call,
        };
        let can_fail_so = plan.failure == Failure::Io || call == Call::Write;
        let fails = is_due && can_fail_so;
        state.failed_syncs += u64::from(fails && call == Call::Sync);
        fails.then_some(plan.failure)
    }

    fn note(&self, path: &Path, undo: Undo) {
        self.state().unsynced.entry(path.to_owned()).or_default().push(undo);
    }

    fn synced(&self, path: &Path) {
        self.state().unsynced.remove(path);
    }
}

/// The path of a file that SQLite opens.
fn path_of(name: &CStr) -> PathBuf {
    PathBuf::from(name.to_string_lossy().into_owned())
}
