//! Checking a history: the one implementation behind every backend's `verify`.

use guidepost_core::id::{RunId, Seq};
use guidepost_core::record::{Placed, Record};
use guidepost_core::run::Run;
use guidepost_core::time::Timestamp;

use crate::chain::{self, Hash, Link};
use crate::{Problem, Verified};

/// A stored record, as it is checked.
pub(crate) struct Stored<'a> {
    /// Its number.
    pub(crate) seq: Seq,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// Its kind.
    pub(crate) kind: &'a str,
    /// Its payload; `None` if it is missing.
    pub(crate) payload: Option<&'a [u8]>,
    /// What seals it; `None` if nothing does yet.
    pub(crate) seal: Option<Seal<'a>>,
}

/// What seals a stored record.
pub(crate) struct Seal<'a> {
    /// Hashed before the payload.
    pub(crate) salt: &'a [u8],
    /// The payload's digest.
    pub(crate) digest: &'a [u8],
    /// The record's hash.
    pub(crate) hash: &'a [u8],
}

/// A check under way: it is shown every record in order, and then what is stored of the run.
pub(crate) struct Check {
    run: Run,
    before: Vec<u8>,
    next: Seq,
    was_placed: bool,
    folds: bool,
    found: Verified,
}

impl Check {
    /// Begins to check the history of a run.
    pub(crate) fn new(id: RunId) -> Self {
        let genesis = chain::genesis(id);
        let found =
            Verified { records: 0, unsealed: 0, head: chain::hex(&genesis), problems: Vec::new() };
        Self {
            run: Run::default(),
            before: genesis.to_vec(),
            next: Seq(1),
            was_placed: false,
            folds: true,
            found,
        }
    }

    /// Notes something wrong with a record, or with the stored state if `seq` is 0.
    pub(crate) fn problem(&mut self, seq: Seq, what: impl Into<String>) {
        self.found.problems.push(Problem { seq, what: what.into() });
    }

    /// Checks the next record.
    pub(crate) fn record(&mut self, stored: &Stored<'_>) {
        self.found.records += 1;
        if stored.seq != self.next {
            self.problem(stored.seq, format!("expected record {}", self.next));
        }
        self.next = stored.seq.next();
        match (stored.payload, &stored.seal) {
            (None, _) => self.problem(stored.seq, "its payload is missing"),
            (Some(_), None) => self.found.unsealed += 1,
            (Some(payload), Some(seal)) => self.seal(stored, payload, seal),
        }
        if let Some(payload) = stored.payload
            && Record::is_kind(stored.kind)
        {
            self.fold(stored, payload);
        }
    }

    fn seal(&mut self, stored: &Stored<'_>, payload: &[u8], seal: &Seal<'_>) {
        if self.found.unsealed > 0 {
            self.problem(stored.seq, "it is sealed, and a record before it is not");
        }
        if chain::digest(seal.salt, payload).as_slice() != seal.digest {
            self.problem(stored.seq, "its payload does not match its digest");
        }
        let link = Link { seq: stored.seq, at: stored.at, kind: stored.kind, digest: seal.digest };
        let hash: Hash = link.hash(&self.before);
        if hash.as_slice() != seal.hash {
            self.problem(stored.seq, "its hash does not follow from the record before it");
        }
        self.before = seal.hash.to_vec();
        self.found.head = chain::hex(seal.hash);
    }

    fn fold(&mut self, stored: &Stored<'_>, payload: &[u8]) {
        if !self.folds {
            return;
        }
        let record = match Record::read(stored.kind, payload) {
            Ok(record) => record,
            Err(reason) => return self.give_up(stored.seq, &reason),
        };
        self.was_placed |= matches!(&record, Record::Placed(Placed { workflow: Some(_), .. }));
        if let Err(reason) = self.run.apply(&record) {
            self.give_up(stored.seq, &reason);
        }
    }

    /// A history that does not fold up to here cannot be folded further; its chain can still be checked.
    fn give_up(&mut self, seq: Seq, reason: &dyn std::error::Error) {
        self.folds = false;
        let cause = reason.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        self.problem(seq, format!("it does not fold: {reason}{cause}"));
    }

    /// Compares the fold of the whole history with what is stored: how many records there are and how many of them are not
    /// sealed, the last hash, and the state.
    pub(crate) fn finish(mut self, seq: Seq, head: &str, unsealed: u64, stored: &Run) -> Verified {
        if self.next != seq.next() {
            self.problem(Seq(0), format!("the run counts {seq} records"));
        }
        if self.found.head != head {
            self.problem(Seq(0), "the run's hash is not that of its last sealed record");
        }
        if self.found.unsealed != unsealed {
            self.problem(Seq(0), format!("the run counts {unsealed} records that are not sealed"));
        }
        if self.folds && !self.agrees(stored) {
            self.problem(Seq(0), "the stored state is not what the records fold to");
        }
        self.found
    }

    /// Whether the fold gives the stored state. When snapshots were taken is no part of the state, and a run that SQL put
    /// into a workflow has no record that says which version it follows.
    fn agrees(&self, stored: &Run) -> bool {
        let mut folded = self.run.clone();
        folded.snapshot_weight = stored.snapshot_weight;
        folded.change_weight = stored.change_weight;
        if self.was_placed {
            folded.workflow.clone_from(&stored.workflow);
            folded.machine.clone_from(&stored.machine);
            folded.driver = stored.driver;
        }
        folded == *stored
    }
}
