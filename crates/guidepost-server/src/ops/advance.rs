//! How an input moves a run: decided on what is, committed only if that still is.

use guidepost_core::id::{Rev, RunRef};
use guidepost_core::input::{Evidence, Input};
use guidepost_core::kernel::{self, Refused};
use guidepost_core::record::Record;
use guidepost_core::run::Unfoldable;
use guidepost_core::time::Timestamp;
use guidepost_store::{HistoryPage, RequestDigest, StoreError};

use super::current::{ATTEMPTS_MAX, Current, leaf_ids};
use super::history::transition_of;
use super::{LastMove, NotDone, OpError, Ops, Refusal, Way};

/// A run after an input, and what that did.
pub(super) struct Advanced {
    /// The run after it.
    pub(super) current: Current,
    /// The rev after it, which others may have raised since if it was a repeat.
    pub(super) rev: Rev,
    /// What was recorded.
    pub(super) records: Vec<Record>,
    /// Whether it had been done before.
    pub(super) is_repeat: bool,
}

/// What is known about a request beside the input itself.
pub(super) struct Request {
    /// The rev the sender saw, and the digest of the request: together they tell a repeat.
    pub(super) seen: Option<(Rev, RequestDigest)>,
    /// The names of the fields that were sent, for messages.
    pub(super) sent: Vec<String>,
    /// The event whose transitions may require facts; empty for none.
    pub(super) event: String,
}

impl Ops {
    /// Decides an input on the run as it is and commits it, again and again if others move the run meanwhile.
    ///
    /// `input` makes the input each time anew, from the evidence its event needs and the time.
    pub(super) async fn advance(
        &self,
        run: &RunRef,
        request: &Request,
        input: impl Fn(Vec<Evidence>, Timestamp) -> Input,
    ) -> Result<Advanced, OpError> {
        let mut name = String::new();
        let mut is_unknown = false;
        for attempt in 1..=ATTEMPTS_MAX {
            let mut current = self.current(run).await?;
            name = current.name();
            if let Some((rev, records)) = self.repeated(&current, request).await? {
                return Ok(Advanced { current, rev, records, is_repeat: true });
            }
            let evidence = self.evidence(&current, &request.event).await?;
            let now = self.world.now();
            let input = input(evidence, now);
            let decided = match kernel::decide_all(&current.machine, &current.run, &input) {
                Ok(decided) => decided,
                Err(Refused::Rejected(rejected)) => {
                    return Err(self.not_done(&current, request, (*rejected).into()).await?);
                }
                Err(Refused::Unfoldable(misfit)) => return Err(damaged(&current, &misfit)),
            };
            let records = decided.0.records.clone();
            let digest = request.seen.map(|(_, digest)| digest);
            let batch = current.batch(decided, digest, now);
            match self.commit(&mut current, batch).await {
                Ok(()) => {
                    let rev = current.run.rev;
                    return Ok(Advanced { current, rev, records, is_repeat: false });
                }
                Err(OpError::Store(StoreError::Conflict { .. })) => self.make_way(attempt).await,
                // Whether it happened is unknown, but a request that can be told from others can be asked for.
                Err(OpError::Store(StoreError::Unavailable { .. }))
                    if request.seen.is_some() && !is_unknown =>
                {
                    is_unknown = true;
                }
                Err(error) => return Err(error),
            }
        }
        Err(OpError::Contended { run: name, attempts: ATTEMPTS_MAX })
    }

    /// How far what an event's transitions require is on record.
    async fn evidence(&self, current: &Current, event: &str) -> Result<Vec<Evidence>, OpError> {
        let needs = kernel::needs(&current.machine, &current.run, event);
        if needs.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.evidence(&self.tenant, current.head.no, &needs).await?)
    }

    /// What the same request led to, if it was made before.
    async fn repeated(
        &self,
        current: &Current,
        request: &Request,
    ) -> Result<Option<(Rev, Vec<Record>)>, OpError> {
        let Some((seen, digest)) = request.seen else { return Ok(None) };
        let present = current.run.rev;
        if seen > present {
            let refusal = Refusal::RevAhead { seen, present };
            return Err(self.not_done(current, request, refusal).await?);
        }
        if seen == present {
            return Ok(None);
        }
        let outcome = self.store.outcome(&self.tenant, current.head.no, seen, &digest).await?;
        Ok(outcome.map(|outcome| (outcome.rev, outcome.records)))
    }

    pub(super) async fn not_done(
        &self,
        current: &Current,
        request: &Request,
        refusal: Refusal,
    ) -> Result<OpError, OpError> {
        let is_stale = matches!(refusal, Refusal::Rejected(kernel::Rejected::Stale { .. }));
        Ok(OpError::NotDone(Box::new(NotDone {
            run: current.name(),
            rev: current.run.rev,
            states: leaf_ids(&current.machine, &current.run),
            next: current.next(),
            sent: request.sent.clone(),
            moved: if is_stale { self.last_move(current).await? } else { None },
            refusal,
        })))
    }

    async fn last_move(&self, current: &Current) -> Result<Option<LastMove>, OpError> {
        let page = HistoryPage {
            newest_first: true,
            kinds: vec!["transitioned".to_owned()],
            beyond: None,
            limit: 1,
        };
        let found = self.store.history(&self.tenant, current.head.no, &page).await?.items;
        Ok(found.first().and_then(transition_of).map(|step| LastMove {
            event: Way::of(step, &current.machine).trigger,
            by: step.by.clone(),
            at: step.at,
        }))
    }
}

fn damaged(current: &Current, misfit: &Unfoldable) -> OpError {
    StoreError::Damaged { run: current.head.no, what: misfit.to_string() }.into()
}
