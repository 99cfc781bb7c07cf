//! A program and everything it starts, ended together: a timeout that leaves what a shell started running ends nothing.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use guidepost_core::id::{Branch, RunNo, StateId};
use guidepost_store::TaskId;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{sleep, timeout};

/// How long a program that was asked to end may take for it, with everything it started.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// How long what was killed is waited for: it ends as soon as the system gets to it.
const AFTERMATH: Duration = Duration::from_millis(200);

/// How often is looked whether what a program started has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A program that leads a group of processes.
///
/// Dropping it before it has ended asks the whole group to end, in the background, and kills what does not within
/// [`GRACE`]. If there is nobody left to wait for that, because the engine ends too, it is killed at once.
#[derive(Debug)]
pub(super) struct Family(Option<Group>);

#[derive(Debug)]
struct Group {
    child: Child,
    /// Kept open to the end: what is asked to end may still have something to say, and is not to die of that.
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
    has_ended: bool,
    /// Given up with the group: whoever waits for the seat waits for its end.
    _seat: Option<Seat>,
}

/// A program and what is heard of it.
pub(super) struct Parts<'a> {
    pub(super) child: &'a mut Child,
    pub(super) stdout: &'a mut Option<ChildStdout>,
    pub(super) stderr: &'a mut Option<ChildStderr>,
}

impl Family {
    /// Starts a program, which keeps the seat until it is gone.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn spawn(command: &mut Command, seat: Option<Seat>) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.kill_on_drop(true).spawn()?;
        #[cfg(unix)]
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self(Some(Group {
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            child,
            #[cfg(unix)]
            leader: leader.and_then(rustix::process::Pid::from_raw),
            has_ended: false,
            _seat: seat,
        })))
    }

    /// The program and what is heard of it; `None` only while it is dropped.
    pub(super) fn parts(&mut self) -> Option<Parts<'_>> {
        self.0.as_mut().map(|Group { child, stdout, stderr, .. }| Parts { child, stdout, stderr })
    }

    /// Waits until the program ends by itself. What it leaves behind on purpose goes on.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match &mut self.0 {
            Some(group) => {
                let ended = group.child.wait().await;
                group.has_ended = true;
                ended
            }
            None => Err(io::Error::other("it was given up")),
        }
    }

    /// Ends the program and everything it started: asks first, and kills what is left.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        match &mut self.0 {
            Some(group) => group.end().await,
            None => Err(io::Error::other("it was given up")),
        }
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let Some(mut group) = self.0.take().filter(|group| !group.has_ended) else { return };
        if let Ok(runtime) = Handle::try_current() {
            // If the runtime ends before, the group is dropped, which kills it.
            runtime.spawn(async move { group.end().await });
        }
    }
}

impl Group {
    async fn end(&mut self) -> io::Result<ExitStatus> {
        self.ask();
        if timeout(GRACE, self.over()).await.is_err() {
            self.kill();
        }
        let ended = self.child.wait().await;
        // Where nobody asks how what was orphaned ended, it seems to be there for ever.
        let _ = timeout(AFTERMATH, self.all_gone()).await;
        self.has_ended = true;
        ended
    }

    /// Waits until the program and everything it started have ended.
    async fn over(&mut self) {
        let _ = self.child.wait().await;
        self.all_gone().await;
    }

    async fn all_gone(&self) {
        while !self.is_gone() {
            sleep(LOOK).await;
        }
    }

    /// Whether nobody is left of the group, once the program itself was waited for.
    #[cfg(unix)]
    fn is_gone(&self) -> bool {
        self.leader.is_none_or(|leader| rustix::process::test_kill_process_group(leader).is_err())
    }

    #[cfg(not(unix))]
    fn is_gone(&self) -> bool {
        true
    }

    #[cfg(unix)]
    fn ask(&self) {
        if let Some(leader) = self.leader {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::TERM);
        }
    }

    #[cfg(not(unix))]
    fn ask(&self) {}

    /// Kills whatever is left of the group. That nothing is left is no failure.
    fn kill(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
        let _ = self.child.start_kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.has_ended {
            self.kill();
        }
    }
}

/// The place of a program at a piece of work.
pub(super) type Seat = OwnedMutexGuard<()>;

/// One seat for each piece of work, whichever visit and attempt: the next program begins when all of the one before is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Seats(Arc<Mutex<BTreeMap<Place, Weak<tokio::sync::Mutex<()>>>>>);

type Place = (RunNo, StateId, Branch);

impl Seats {
    /// Waits for the seat of a piece of work.
    pub(super) async fn take(&self, task: &TaskId) -> Seat {
        let place = (task.run, task.state.clone(), task.branch);
        let seat = {
            let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            seats.retain(|_, seat| seat.strong_count() > 0);
            let seat = seats.get(&place).and_then(Weak::upgrade).unwrap_or_default();
            seats.insert(place, Arc::downgrade(&seat));
            seat
        };
        seat.lock_owned().await
    }
}
