//! The keys each part of a definition may have.

/// Keys of the workflow as a whole, besides those of every state.
pub(super) const ROOT: [&str; 16] = [
    "name",
    "version",
    "attributes",
    "context",
    "events",
    "limits",
    "checkpoints",
    "schedule",
    "schedules",
    "concurrency",
    "agents",
    "guards",
    "actions",
    "delays",
    "$schema",
    "key",
];

/// Keys of a schedule.
pub(super) const SCHEDULE: [&str; 8] =
    ["every", "cron", "timezone", "input", "due_as", "goal", "overlap", "catch_up"];

/// Keys of an agent.
pub(super) const AGENT: [&str; 4] = ["type", "description", "answers", "delay"];

/// Keys only XState's own files have; they say nothing about the structure.
pub(super) const XSTATE_ROOT: [&str; 9] = [
    "predictableActionArguments",
    "preserveActionOrder",
    "schemas",
    "types",
    "tsTypes",
    "strict",
    "actors",
    "order",
    "transitions",
];

/// Keys of a state only XState's own files have.
pub(super) const XSTATE_STATE: [&str; 4] = ["key", "order", "data", "transitions"];

/// Keys of every state.
pub(super) const STATE: [&str; 24] = [
    "id",
    "type",
    "initial",
    "states",
    "history",
    "target",
    "on",
    "always",
    "after",
    "entry",
    "exit",
    "onDone",
    "onError",
    "invoke",
    "output",
    "tags",
    "meta",
    "guideline",
    "description",
    "by",
    "section",
    "allow_tools",
    "deny_tools",
    "input",
];

/// Keys that say how a state's work is done.
pub(super) const WORK: [&str; 10] = [
    "prompt",
    "retry",
    "timeout",
    "for_each",
    "concurrency",
    "join",
    "expires",
    "irreversible",
    "compensate",
    "live",
];

/// Keys of an XState `invoke`.
pub(super) const INVOKE: [&str; 10] = [
    "src",
    "id",
    "input",
    "onDone",
    "onError",
    "onSnapshot",
    "systemId",
    "meta",
    "description",
    "data",
];

/// Keys of a transition.
pub(super) const TRANSITION: [&str; 8] =
    ["target", "guard", "cond", "actions", "reenter", "description", "requires", "meta"];

/// Keys of a transition only XState's own files have.
pub(super) const XSTATE_TRANSITION: [&str; 4] = ["internal", "in", "source", "eventType"];

/// Keywords of JSON Schema that describe a value.
pub(in crate::workflow) const SCHEMA: [&str; 48] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "prefixItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "$ref",
    "$defs",
    "$comment",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "nullable",
];

/// Keys of an attribute, or of a field of an event, besides those of JSON Schema.
pub(super) const ATTRIBUTE: [&str; 3] = ["required", "is_array", "sensitive"];
