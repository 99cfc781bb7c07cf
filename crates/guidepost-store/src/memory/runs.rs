//! Runs and their histories.

use std::collections::BTreeMap;

use guidepost_core::budget::{Budget, Spent};
use guidepost_core::id::{Rev, RunId, RunNo, RunRef, Seq, Version};
use guidepost_core::input::Evidence;
use guidepost_core::machine::{Limits, Requirement};
use guidepost_core::recorded::{Fact, FactBody, LimitReached};
use guidepost_core::run::{PauseReason, Run, Status};
use guidepost_core::time::Timestamp;

use super::matches::{has_words, is_state};
use super::tasks::RunOfTask;
use crate::chain::{self, Hash, Link, Payload};
use crate::filter::{page, page_items, words};
use crate::fold::{Check, Seal, Stored};
use crate::{
    Batch, Changes, Committed, Created, Entry, EntryBody, Head, HistoryPage, Loaded, NewRun,
    Outcome, Page, Recorded, RequestDigest, RunFilter, RunSummary, StoreError, Verified,
};
use crate::{payload, refuse};

/// One tenant's runs, by number.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<RunNo, Held>,
    /// Runs by the starter's own id for them, with the digest of the other arguments.
    keys: BTreeMap<String, (RequestDigest, RunNo)>,
    /// Those of runs with limits.
    budgets: BTreeMap<RunNo, Budget>,
    /// All records in the order they were recorded.
    recorded: Vec<(RunNo, Seq)>,
}

/// A run and its history.
#[derive(Debug)]
pub(super) struct Held {
    head: Head,
    run: Run,
    current_state: String,
    leaves: Vec<String>,
    records: Vec<Kept>,
    /// The runs whose budgets it spends from: itself, if it has limits, and those above it.
    spends_from: Vec<RunNo>,
}

/// A record of a history.
#[derive(Debug)]
struct Kept {
    entry: Entry,
    kind: &'static str,
    request: Option<RequestDigest>,
    payload: Payload,
    hash: Hash,
}

impl Runs {
    /// The run an earlier start with this key created.
    pub(super) fn by_key(
        &self,
        key: &str,
        digest: &RequestDigest,
    ) -> Result<Option<Created>, StoreError> {
        match self.keys.get(key) {
            None => Ok(None),
            Some((used, run)) if used == digest => {
                let id = self.get(*run)?.head.id;
                Ok(Some(Created { run: *run, id, is_new: false }))
            }
            Some((_, run)) => Err(StoreError::KeyReused { key: key.to_owned(), run: *run }),
        }
    }

    pub(super) fn create(
        &mut self,
        no: RunNo,
        new: NewRun,
        batch: Batch,
    ) -> Result<Created, StoreError> {
        let (root, mut spends_from) = match new.parent {
            Some(parent) => {
                let parent = self.get(parent)?;
                (parent.head.root, parent.spends_from.clone())
            }
            None => (no, Vec::new()),
        };
        let (limits, steps, now) = (batch.limits.clone(), batch.steps, batch.recorded_at);
        let head = Head {
            no,
            id: new.id,
            version: new.version,
            agent: new.agent,
            goal: new.goal,
            parent: new.parent,
            root,
            session: new.session,
            seq: Seq(0),
            unsealed: 0,
            revision: 0,
            created_at: new.at,
            updated_at: new.at,
        };
        let mut held = Held {
            head,
            run: Run::default(),
            current_state: String::new(),
            leaves: Vec::new(),
            records: Vec::new(),
            spends_from: Vec::new(),
        };
        held.commit(Rev(0), batch)?;
        if let Some((key, digest)) = new.key {
            self.keys.insert(key, (digest, no));
        }
        let created = Created { run: no, id: held.head.id, is_new: true };
        self.runs.insert(no, held);
        self.note(no, Seq(0));
        self.spend(&spends_from, Spent::launch(), now)?;
        if let Some(budget) = Budget::new(no, limits, new.at) {
            self.budgets.insert(no, budget);
            spends_from.push(no);
        }
        self.spend(&spends_from, Spent::steps(steps), now)?;
        self.get_mut(no)?.spends_from = spends_from;
        Ok(created)
    }

    pub(super) fn get(&self, run: RunNo) -> Result<&Held, StoreError> {
        self.runs.get(&run).ok_or(StoreError::NoSuchRun(RunRef::No(run)))
    }

    pub(super) fn get_mut(&mut self, run: RunNo) -> Result<&mut Held, StoreError> {
        self.runs.get_mut(&run).ok_or(StoreError::NoSuchRun(RunRef::No(run)))
    }

    pub(super) fn load(&self, run: &RunRef) -> Result<Option<Loaded>, StoreError> {
        let held = match run {
            RunRef::No(no) => self.runs.get(no),
            RunRef::Id(id) => self.runs.values().find(|held| held.head.id == *id),
            RunRef::Agent(agent) => {
                let mut live = self.runs.values().filter(|held| {
                    held.head.agent.as_ref() == Some(agent) && !held.run.status.is_ended()
                });
                let first = live.next();
                let all = self.runs.values();
                let last = || all.rev().find(|held| held.head.agent.as_ref() == Some(agent));
                match live.count() as u64 {
                    0 => first.or_else(last),
                    others => {
                        let agent = agent.clone();
                        return Err(StoreError::Ambiguous { agent, count: others + 1 });
                    }
                }
            }
        };
        Ok(held.map(|held| Loaded {
            head: held.head.clone(),
            run: held.run.clone(),
            budgets: self.budgets_of(held),
        }))
    }

    fn budgets_of(&self, held: &Held) -> Vec<Budget> {
        held.spends_from.iter().filter_map(|run| self.budgets.get(run)).cloned().collect()
    }

    /// Commits a step, and counts what it spends.
    pub(super) fn commit(
        &mut self,
        run: RunNo,
        expected: Rev,
        batch: Batch,
    ) -> Result<Committed, StoreError> {
        let (steps, now) = (Spent::steps(batch.steps), batch.recorded_at);
        let held = self.get(run)?;
        let is_hold = batch.records.iter().any(refuse::is_for_a_limit);
        if is_hold && !self.is_over(held, now) {
            return Err(StoreError::Conflict { expected, present: held.run.rev });
        }
        let before = held.seq();
        let held = self.get_mut(run)?;
        let mut committed = held.commit(expected, batch)?;
        let from = held.spends_from.clone();
        self.note(run, before);
        self.spend(&from, steps, now)?;
        let held = self.get(run)?;
        committed.seq = held.head.seq;
        committed.budgets = self.budgets_of(held);
        Ok(committed)
    }

    /// Records facts, counts what they say was spent, and sets the limits they say.
    pub(super) fn record(
        &mut self,
        run: RunNo,
        facts: Vec<Fact>,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let held = self.get_mut(run)?;
        let spent = facts.iter().map(|fact| Spent::of_fact(&fact.body));
        let spent = spent.fold(Spent::default(), Spent::plus);
        let set: Vec<_> = facts.iter().filter_map(limits_set).cloned().collect();
        let before = held.seq();
        let recorded = held.record(facts, now)?;
        self.note(run, before);
        for limits in &set {
            match self.budgets.get_mut(&run) {
                Some(budget) => budget.set(limits),
                None => self.begin_late(run, limits)?,
            }
        }
        let from = self.get(run)?.spends_from.clone();
        // Facts may be told late, so they say nothing about how long a run has lived.
        if spent != Spent::default() {
            self.spend(&from, spent, Timestamp(0))?;
        }
        Ok(recorded)
    }

    /// Gives a run that has none a budget of its own, from which it and the runs below it spend from now on.
    fn begin_late(&mut self, run: RunNo, limits: &Limits) -> Result<(), StoreError> {
        let began = self.get(run)?.head.created_at;
        let Some(budget) = Budget::new(run, limits.clone(), began) else { return Ok(()) };
        self.budgets.insert(run, budget);
        for (below, _) in self.tree(run)? {
            let held = self.get_mut(below)?;
            held.spends_from.push(run);
            held.spends_from.sort_unstable();
        }
        Ok(())
    }

    /// Counts what is spent from budgets, and tells what is reached by that in the histories of their runs.
    fn spend(&mut self, from: &[RunNo], spent: Spent, now: Timestamp) -> Result<(), StoreError> {
        for run in from {
            let Some(budget) = self.budgets.get_mut(run) else { continue };
            let reached = budget.spend(spent, now);
            if !reached.is_empty() {
                let told = self.get_mut(*run)?;
                let before = told.seq();
                told.record(reached.into_iter().map(observed).collect(), now)?;
                self.note(*run, before);
            }
        }
        Ok(())
    }

    /// Notes what was recorded in a run after this record.
    fn note(&mut self, run: RunNo, before: Seq) {
        let last = self.runs.get(&run).map_or(before, Held::seq);
        self.recorded.extend((before.0 + 1..=last.0).map(|seq| (run, Seq(seq))));
    }

    /// What was recorded after a place.
    pub(super) fn changes(&self, after: Option<u64>, limit: usize) -> Changes {
        let all = &self.recorded;
        let from = after.map_or(all.len(), |at| usize::try_from(at).unwrap_or(usize::MAX));
        let from = from.min(all.len());
        let to = from.saturating_add(limit).min(all.len());
        let is_there = |(run, _): &&(RunNo, Seq)| self.runs.contains_key(run);
        Changes { items: all[from..to].iter().filter(is_there).copied().collect(), at: to as u64 }
    }

    /// Whether a limit is passed for a run.
    fn is_over(&self, held: &Held, now: Timestamp) -> bool {
        let mut budgets = held.spends_from.iter().filter_map(|run| self.budgets.get(run));
        budgets.any(|budget| budget.passed(now).is_some())
    }

    pub(super) fn list(&self, filter: &RunFilter) -> Page<RunSummary> {
        let wanted = words(filter.query.as_deref());
        let before = filter.cursor.as_ref().and_then(|cursor| cursor.parse().ok());
        let found = self
            .runs
            .values()
            .rev()
            .filter(|held| before.is_none_or(|before| held.head.no.0 < before))
            .filter(|held| held.is_wanted(filter, &wanted))
            .map(Held::summary);
        page(found, page_items(filter.limit), |last| last.no.0.to_string())
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<RunNo> {
        let mut due: Vec<(Timestamp, RunNo)> = self
            .runs
            .values()
            .filter_map(|held| Some((held.due()?, held.head.no)))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort_unstable();
        let goes_on = |held: &&Held| matches!(held.run.status, Status::Running | Status::Waiting);
        let live = self.runs.values().filter(goes_on);
        let over = live.filter(|held| self.is_over(held, now)).map(|held| held.head.no);
        due.into_iter().map(|(_, no)| no).chain(over).take(limit).collect()
    }

    /// What claiming a task needs to know of its run.
    pub(super) fn of_task(&self, run: RunNo, now: Timestamp) -> Option<RunOfTask> {
        let held = self.runs.get(&run)?;
        let is_over = self.is_over(held, now);
        let (root, parent) = (held.head.root, held.head.parent);
        Some(RunOfTask { status: held.run.status, root, parent, is_over })
    }

    /// A run and the runs below it, each with whether it is over: it ended, or was never begun.
    pub(super) fn tree(&self, run: RunNo) -> Result<Vec<(RunNo, bool)>, StoreError> {
        let mut tree = vec![(run, self.get(run)?.is_over())];
        // A run's number is larger than that of the run that launched it.
        for (no, held) in self.runs.range(run..) {
            if held.head.parent.is_some_and(|parent| tree.iter().any(|(no, _)| *no == parent)) {
                tree.push((*no, held.is_over()));
            }
        }
        Ok(tree)
    }

    /// Removes runs with their histories, and the keys that started them.
    pub(super) fn remove(&mut self, runs: &[RunNo]) {
        self.runs.retain(|no, _| !runs.contains(no));
        self.budgets.retain(|no, _| !runs.contains(no));
        self.keys.retain(|_, (_, no)| !runs.contains(no));
    }

    /// Whether there is such a run, and it goes on.
    pub(super) fn is_live(&self, run: RunNo) -> bool {
        self.runs.get(&run).is_some_and(|held| !held.run.status.is_ended())
    }

    pub(super) fn has_live_children(&self, run: RunNo) -> bool {
        let mut children = self.runs.values().filter(|held| held.head.parent == Some(run));
        children.any(|held| !held.run.status.is_ended())
    }

    /// How many runs are alive in a workflow, or in one version of it.
    pub(super) fn live(&self, workflow: &str, version: Option<Version>) -> u64 {
        let live = self.runs.values().filter(|held| {
            held.run.workflow == workflow
                && (version.is_none() || held.head.version == version)
                && !held.run.status.is_ended()
        });
        live.count() as u64
    }
}

impl Held {
    /// Its last record's number.
    pub(super) fn seq(&self) -> Seq {
        self.head.seq
    }

    pub(super) fn id(&self) -> RunId {
        self.head.id
    }

    /// Whether it ended, or was never begun.
    fn is_over(&self) -> bool {
        let is_pending = || matches!(self.run.paused, Some((PauseReason::Pending, _)));
        self.run.status.is_ended() || is_pending()
    }

    pub(super) fn expect_rev(&self, expected: Rev) -> Result<(), StoreError> {
        if self.run.rev == expected {
            Ok(())
        } else {
            Err(StoreError::Conflict { expected, present: self.run.rev })
        }
    }

    fn commit(&mut self, expected: Rev, batch: Batch) -> Result<Committed, StoreError> {
        self.expect_rev(expected)?;
        let mut rev = expected;
        let mut kept = Vec::with_capacity(batch.records.len());
        for record in batch.records {
            rev = rev.next();
            kept.push((rev, record.at(), EntryBody::Record(record)));
        }
        self.append(kept, batch.request, batch.recorded_at)?;
        self.run = batch.run;
        self.run.rev = rev;
        let snapshot = self.run.snapshot_due();
        if snapshot {
            self.run.snapshot_taken();
        }
        self.current_state = batch.current_state;
        self.leaves = batch.leaves;
        self.head.updated_at = batch.recorded_at;
        let (budgets, claimed) = (Vec::new(), Vec::new());
        Ok(Committed { seq: self.head.seq, rev, snapshot, budgets, claimed })
    }

    /// Binds the run to a version of its workflow; to none if it follows rows.
    pub(super) fn bind(&mut self, version: Option<Version>) {
        self.head.version = version;
    }

    fn record(&mut self, facts: Vec<Fact>, now: Timestamp) -> Result<Recorded, StoreError> {
        let first = self.head.seq.next();
        let rev = self.run.rev;
        let facts = facts.into_iter().map(|fact| {
            let Fact { at, observed, by, body } = fact;
            (rev, at.unwrap_or(now), EntryBody::Fact { by, observed, body })
        });
        self.append(facts.collect(), None, now)?;
        Ok(Recorded { first, last: self.head.seq, rev })
    }

    /// Adds records to the history, all or none.
    fn append(
        &mut self,
        new: Vec<(Rev, Timestamp, EntryBody)>,
        request: Option<RequestDigest>,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut added: Vec<Kept> = Vec::with_capacity(new.len());
        for (rev, at, body) in new {
            let last = added.last().or(self.records.last());
            let before = last.map_or_else(|| chain::genesis(self.head.id), |kept| kept.hash);
            let seq = last.map_or(Seq(1), |kept| kept.entry.seq.next());
            let (kind, bytes) = payload_of(&body).map_err(|reason| StoreError::Damaged {
                run: self.head.no,
                what: reason.to_string(),
            })?;
            let payload = Payload::new(bytes);
            let hash = Link { seq, at, kind, digest: &payload.digest }.hash(&before);
            let entry = Entry { seq, rev, at, recorded_at, body };
            added.push(Kept { entry, kind, request, payload, hash });
        }
        self.head.seq = added.last().map_or(self.head.seq, |kept| kept.entry.seq);
        self.records.append(&mut added);
        Ok(())
    }

    pub(super) fn outcome(&self, since: Rev, request: &RequestDigest) -> Option<Outcome> {
        let made: Vec<&Kept> = self
            .records
            .iter()
            .filter(|kept| kept.entry.rev > since && kept.request.as_ref() == Some(request))
            .collect();
        let rev = made.last()?.entry.rev;
        let records = made.into_iter().filter_map(|kept| match &kept.entry.body {
            EntryBody::Record(record) => Some(record.clone()),
            EntryBody::Fact { .. } => None,
        });
        Some(Outcome { rev, records: records.collect() })
    }

    pub(super) fn evidence(&self, needs: &[(Requirement, Rev)]) -> Vec<Evidence> {
        let count = |need: &Requirement, since: Rev| {
            let since = self.records.iter().filter(|kept| kept.entry.rev >= since);
            let facts = since.filter_map(|kept| match &kept.entry.body {
                EntryBody::Fact { observed, body, .. } => Some((body, *observed)),
                EntryBody::Record(_) => None,
            });
            need.count(&facts.collect::<Vec<_>>())
        };
        let needs = needs.iter();
        needs
            .map(|(need, since)| Evidence {
                requirement: need.clone(),
                since: *since,
                count: count(need, *since),
            })
            .collect()
    }

    pub(super) fn history(&self, wanted: &HistoryPage) -> Page<Entry> {
        let is_wanted = |kept: &&Kept| {
            let is_beyond = wanted.beyond.is_none_or(|beyond| match wanted.newest_first {
                true => kept.entry.seq < beyond,
                false => kept.entry.seq > beyond,
            });
            is_beyond
                && (wanted.kinds.is_empty() || wanted.kinds.iter().any(|kind| kind == kept.kind))
        };
        let mut found: Vec<&Kept> = self.records.iter().filter(is_wanted).collect();
        if wanted.newest_first {
            found.reverse();
        }
        let entries = found.into_iter().map(|kept| kept.entry.clone());
        page(entries, page_items(wanted.limit), |last| last.seq.to_string())
    }

    pub(super) fn verify(&self) -> Verified {
        let mut check = Check::new(self.head.id);
        for Kept { entry, kind, payload, hash, .. } in &self.records {
            let seal = Seal { salt: &payload.salt, digest: &payload.digest, hash };
            check.record(&Stored {
                seq: entry.seq,
                at: entry.at,
                kind,
                payload: Some(&payload.bytes),
                seal: Some(seal),
            });
        }
        let last = self.records.last();
        let head = last.map_or_else(|| chain::genesis(self.head.id), |kept| kept.hash);
        check.finish(self.head.seq, &chain::hex(&head), 0, &self.run)
    }

    pub(super) fn record_with_hash(&self, hash: &str) -> Option<Seq> {
        let before_all = (Seq(0), chain::genesis(self.head.id));
        let hashes = self.records.iter().map(|kept| (kept.entry.seq, kept.hash));
        let mut hashes = std::iter::once(before_all).chain(hashes);
        hashes.find(|(_, known)| chain::hex(known) == hash).map(|(seq, _)| seq)
    }

    fn is_wanted(&self, filter: &RunFilter, words: &[String]) -> bool {
        let head = &self.head;
        let states = || self.leaves.iter().chain([&self.current_state]);
        let is_in = |wanted: &String| states().any(|path| is_state(path, wanted));
        (filter.status.is_empty() || filter.status.contains(&self.run.status))
            && filter.workflow.as_ref().is_none_or(|wanted| *wanted == self.run.workflow)
            && filter.state.as_ref().is_none_or(is_in)
            && (filter.agent.is_none() || filter.agent == head.agent)
            && (filter.parent.is_none() || filter.parent == head.parent)
            && filter.since.is_none_or(|since| head.created_at >= since)
            && has_words(
                words,
                [head.goal.as_deref(), head.agent.as_deref(), Some(&self.run.workflow)],
            )
    }

    fn summary(&self) -> RunSummary {
        let head = &self.head;
        RunSummary {
            no: head.no,
            id: head.id,
            workflow: self.run.workflow.clone(),
            version: head.version,
            agent: head.agent.clone(),
            goal: head.goal.clone(),
            status: self.run.status,
            current_state: self.current_state.clone(),
            leaves: self.leaves.clone(),
            rev: self.run.rev,
            created_at: head.created_at,
            updated_at: head.updated_at,
            damaged: None,
        }
    }

    /// When the run wants attention: at its next timer, or at once if a move by SQL is to be settled.
    fn due(&self) -> Option<Timestamp> {
        if self.run.is_unsettled() { Some(Timestamp(0)) } else { self.run.due() }
    }
}

/// The limits a fact sets.
fn limits_set(fact: &Fact) -> Option<&Limits> {
    match &fact.body {
        FactBody::LimitsSet(set) => Some(&set.limits),
        _ => None,
    }
}

/// Told by Guidepost itself.
fn observed(reached: LimitReached) -> Fact {
    let body = FactBody::LimitReached(reached);
    Fact { at: None, observed: true, by: String::new(), body }
}

/// An entry's kind and payload.
fn payload_of(body: &EntryBody) -> Result<(&'static str, Vec<u8>), serde_json::Error> {
    match body {
        EntryBody::Record(record) => Ok((record.kind(), record.body()?)),
        EntryBody::Fact { by, observed, body } => {
            let fact = Fact { at: None, observed: *observed, by: by.clone(), body: body.clone() };
            Ok((body.kind(), payload::of_fact(&fact)?))
        }
    }
}
