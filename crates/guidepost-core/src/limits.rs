//! Every bound, with its reason. What exceeds one is refused by name, never truncated in silence.

/// Microsteps one input may cause before it counts as a livelock. A legal macrostep takes a few; the widest fan of eventless
/// transitions seen in practice takes tens. At 1 µs each, a livelock is found within a millisecond.
pub const MICROSTEPS_MAX: usize = 1_000;

/// Bytes of a definition's text. The largest hand-written ones are some 100 KiB; generated ones with 10,000 states take 2 MiB.
pub const DEFINITION_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Commas, colons and line breaks in a definition, counted before anything is built from it. Each state takes at least
/// one, so a million states are refused within milliseconds; 100,000 states of ten marks each still fit.
pub const DEFINITION_MARKS_MAX: usize = 1_000_000;

/// Nesting of a definition, of event data and of stored values. Deep enough for any document people write, shallow enough
/// that recursion over it never exhausts a stack.
pub const DEPTH_MAX: usize = 64;

/// Nodes of a definition after aliases are expanded. A document that grows beyond this by aliases is a bomb.
pub const DEFINITION_NODES_MAX: usize = 2_000_000;

/// Nodes that anchors and aliases may add to a definition, and uses of guards, actions and delays by name. People repeat
/// a few lines; a bomb repeats its repetitions.
pub const ALIAS_NODES_MAX: usize = 100_000;

/// States of one machine.
pub const STATES_MAX: usize = 100_000;

/// Problems reported for one definition; beyond it people fix the first and look again.
pub const DIAGNOSTICS_MAX: usize = 200;

/// Bytes of an expression's or a template's source text.
pub const EXPRESSION_BYTES_MAX: usize = 64 * 1024;

/// Nesting of an expression: parentheses, lists, operators.
pub const EXPRESSION_DEPTH_MAX: usize = 64;

/// Instructions one expression or template may execute. A guard takes tens; a template over a list of a thousand takes
/// tens of thousands.
pub const FUEL_MAX: u64 = 200_000;

/// Bytes a template may render to, or an expression build as text. Prompts are smaller; models refuse larger ones.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Items a list built by an expression may have.
pub const LIST_ITEMS_MAX: usize = 10_000;

/// Bytes of an event's data, or of one recorded fact, as JSON.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one message of a tool server: a result of the largest size as a value and once more as text, with escapes.
pub const TOOL_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Tools of one server. The largest have some hundreds; a list that never ends is a fault.
pub const TOOLS_MAX: usize = 10_000;

/// Bytes of a run's whole data, as JSON.
pub const DATA_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Least bytes of changes between two snapshots of a run's data. Below it, reading the changes back is cheaper than
/// writing snapshots.
pub const SNAPSHOT_BYTES_MIN: u64 = 512;

/// Timers pending in one run.
pub const TIMERS_MAX: usize = 1_000;

/// Branches of one fan-out. Each takes a record and, while it goes on, a task.
pub const BRANCHES_MAX: usize = 10_000;

/// Branches of a fan-out that go on at once when the state does not say: enough to be worth it, few enough that a
/// provider's limits are not met at once.
pub const CONCURRENCY: u32 = 8;

/// The longest wait before work is tried again, in seconds, whatever backoff multiplies it to.
pub const RETRY_DELAY_SECONDS_MAX: i64 = 24 * 60 * 60;

/// Runs that launch runs that launch runs. Work people design nests two or three deep; deeper is a recursion without end.
pub const RUN_DEPTH_MAX: u32 = 32;

/// Steps a run may be taken back at once when its workflow does not say: more than people go back on purpose, fewer than a
/// slip of the finger in a long run.
pub const ROLLBACK_STEPS_MAX: u64 = 1_000;

/// Automatic checkpoints of a run that are kept when its workflow does not say: a list people can still look through.
pub const CHECKPOINTS_MAX: u64 = 100;

/// Schedules of one workflow. People give one or two; each is looked at whenever it is due.
pub const SCHEDULES_MAX: usize = 100;

/// The least time between two runs that a schedule begins, in seconds: what is to go on all the time is one run.
pub const SCHEDULE_SECONDS_MIN: i64 = 1;

/// Times that are made good by a run each after nothing ran for a while, the last ones: a day of quarters of an hour. More at
/// once would be a flood nobody asked for.
pub const SCHEDULE_CATCH_UP_MAX: usize = 100;

/// For how long a time still counts as present, in seconds, where those that are past are not made good: longer than an
/// engine takes to be started anew.
pub const SCHEDULE_GRACE_SECONDS: i64 = 60;

/// Facts recorded by one call.
pub const FACTS_MAX: usize = 1_000;

/// Bytes of a name: of a workflow, state, event, attribute or agent.
pub const NAME_BYTES_MAX: usize = 200;
