//! Reading what was said while agents did their steps.

use guidepost_core::diagnostic::closest;
use guidepost_core::id::{Branch, StateId};
use guidepost_core::machine::WorkKind;
use guidepost_core::time::Timestamp;
use guidepost_store::{Page, Turn, TurnFilter, split_turn_id, thread_of, turn_id};
use serde::Serialize;
use serde_json::Value as Json;

use super::current::Current;
use super::{OpError, Ops, ReadRun, Reading, sensitive};

/// One thing that was said in a thread of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TurnItem {
    /// Its short id: the thread's name without the run's id, and its place in the thread, `Write:2`.
    pub id: String,
    /// The thread's name, as steps tell it: `0190…:Write`.
    pub thread: String,
    /// The state whose work it is about.
    pub state: StateId,
    /// Which branch of the work, from 1; left out for the work as a whole.
    #[serde(skip_serializing_if = "is_whole")]
    pub branch: Branch,
    /// Its place in the thread, from 1.
    pub position: u64,
    /// Who said it: `user`, who tells the agent what to do, or `assistant`, the agent.
    pub role: &'static str,
    /// When.
    pub at: Timestamp,
    /// What was said: a text, or any other value. What is sensitive is hidden.
    pub content: Json,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_whole(branch: &Branch) -> bool {
    branch.is_whole()
}

/// What of a run's threads is meant.
enum Meant {
    /// All of them.
    All,
    /// One thread.
    Thread(StateId, Branch),
    /// One turn of it.
    Turn(StateId, Branch, u64),
}

impl Ops {
    /// A page of what was said in a run's threads, or in one of them; or one turn.
    pub(super) async fn said(&self, read: &ReadRun) -> Result<Reading, OpError> {
        let current = self.current(&read.run).await?;
        let filter = TurnFilter {
            limit: read.limit,
            cursor: read.cursor.clone(),
            ..TurnFilter::of(current.head.no)
        };
        match meant(read.path.as_deref().unwrap_or_default(), &current) {
            Meant::All => self.turns(&current, filter).await,
            Meant::Thread(state, branch) => {
                let thread = Some((state.clone(), branch));
                let found = self.turns(&current, TurnFilter { thread, ..filter }).await?;
                match &found {
                    Reading::Turns(page) if page.items.is_empty() => {
                        expect_thread(&current, &state)?
                    }
                    _ => {}
                }
                Ok(found)
            }
            Meant::Turn(state, branch, position) => {
                read.expect_letters()?;
                self.turn(&current, (state, branch), position).await
            }
        }
    }

    async fn turns(&self, current: &Current, filter: TurnFilter) -> Result<Reading, OpError> {
        if let Some(cursor) = filter.cursor.as_deref().filter(|it| split_turn_id(it).is_none()) {
            return Err(OpError::BadArgument {
                what: format!("the cursor `{cursor}` is no place in a thread"),
                hint: Some("take it from the end of the page before".to_owned()),
            });
        }
        let found = self.store.turns(&self.tenant, &filter).await?;
        let items = found.items.into_iter().map(|turn| current.turn_item(turn)).collect();
        Ok(Reading::Turns(Page { items, next: found.next }))
    }

    async fn turn(
        &self,
        current: &Current,
        thread: (StateId, Branch),
        position: u64,
    ) -> Result<Reading, OpError> {
        let id = |position| turn_id(&thread.0, thread.1, position);
        let (id, before) = (id(position), id(position.saturating_sub(1)));
        let filter = TurnFilter {
            thread: Some(thread),
            limit: 1,
            cursor: Some(before).filter(|_| position > 1),
            ..TurnFilter::of(current.head.no)
        };
        let found = self.store.turns(&self.tenant, &filter).await?.items.into_iter().next();
        match found.filter(|turn| turn.position == position) {
            Some(turn) => Ok(Reading::Turn(Box::new(current.turn_item(turn)))),
            None => Err(OpError::NoSuchRecord { run: current.name(), record: id, part: "thread" }),
        }
    }
}

impl Current {
    /// Something that was said, as everybody may see it.
    fn turn_item(&self, mut turn: Turn) -> TurnItem {
        sensitive::hide_turn(&self.machine, &mut turn);
        TurnItem {
            id: turn.id(),
            role: turn.role.as_str(),
            at: turn.at,
            thread: turn.thread,
            state: turn.state,
            branch: turn.branch,
            position: turn.position,
            content: turn.content,
        }
    }
}

/// What a path means: a thread, by its whole name or without the run's id, or one turn of it. A state may be called like a
/// turn of another; it is the state that is meant.
fn meant(path: &str, current: &Current) -> Meant {
    let prefix = format!("{}:", current.head.id);
    let name = path.strip_prefix(&prefix).unwrap_or(path);
    if name.is_empty() {
        return Meant::All;
    }
    let (state, branch) = thread_of(name);
    match split_turn_id(name) {
        Some((thread, position)) if current.machine.find(state.as_str()).is_none() => {
            let (state, branch) = thread_of(thread);
            Meant::Turn(state, branch, position)
        }
        Some(_) | None => Meant::Thread(state, branch),
    }
}

/// Refuses a state that no agent does anything in: that its thread is empty would look as if nothing had been said yet.
fn expect_thread(current: &Current, state: &StateId) -> Result<(), OpError> {
    let machine = &current.machine;
    let agents = machine
        .states
        .iter()
        .filter(|state| state.work.as_ref().is_some_and(|work| work.kind == WorkKind::Agent));
    let agents: Vec<&str> = agents.map(|state| state.id.as_str()).collect();
    if agents.contains(&state.as_str()) {
        return Ok(());
    }
    let hint = match (closest(state.as_str(), agents.iter().copied()), agents.as_slice()) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => "threads are of steps that agents do, and this workflow has none".to_owned(),
        (None, agents) => format!("threads are of steps that agents do: {}", agents.join(", ")),
    };
    Err(OpError::BadArgument {
        what: format!("run `{}` has no thread of `{state}`", current.name()),
        hint: Some(hint),
    })
}
