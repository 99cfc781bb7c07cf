//! A program and everything it starts, ended together: a timeout that leaves what a shell started running ends nothing.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;

/// How long a program that was asked to end may take for it.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// A program that leads a group of processes.
///
/// Dropping it before it has ended asks the whole group to end, in the background, and kills what does not within
/// [`GRACE`]. If there is nobody left to wait for that, because the engine ends too, it is killed at once.
#[derive(Debug)]
pub(super) struct Family(Option<Group>);

#[derive(Debug)]
struct Group {
    child: Child,
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
    has_ended: bool,
}

impl Family {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let child = command.kill_on_drop(true).spawn()?;
        #[cfg(unix)]
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self(Some(Group {
            child,
            #[cfg(unix)]
            leader: leader.and_then(rustix::process::Pid::from_raw),
            has_ended: false,
        })))
    }

    /// The program; `None` only while it is dropped.
    pub(super) fn child(&mut self) -> Option<&mut Child> {
        self.0.as_mut().map(|group| &mut group.child)
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
        let in_time = tokio::time::timeout(GRACE, self.child.wait()).await;
        self.kill();
        let ended = match in_time {
            Ok(ended) => ended,
            Err(_) => self.child.wait().await,
        };
        self.has_ended = true;
        ended
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
