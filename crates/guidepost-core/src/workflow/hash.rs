//! The hash by which a structure is known: blake3 over an encoding in which equal structures are equal bytes.
//!
//! Order counts where it means something (states, transitions, actions) and nowhere else (attributes, events, keys of
//! objects). Names and wording of the workflow do not count; prompts do, unless they are `live`. Every text and list is
//! preceded by its length, so that no two structures run together. What is added later must be encoded only when it is
//! present, or every hash ever stored would change.

use serde_json::Value as Json;

use crate::id::AttributeName;
use crate::machine::{
    Action, Attribute, Computed, Delay, Descriptor, EventType, FactKind, Guard, Machine, Named,
    Requirement, Send, State, StateKind, Transition, Trigger, Work,
};

/// The hash of a machine's structure, in lower-case hexadecimal.
pub(super) fn hash(machine: &Machine) -> String {
    let mut encoder = Encoder(blake3::Hasher::new());
    encoder.text("guidepost machine 1");
    encoder.machine(machine);
    encoder.0.finalize().to_hex().to_string()
}

struct Encoder(blake3::Hasher);

impl Encoder {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn list<T>(&mut self, items: &[T], encode: impl Fn(&mut Self, &T)) {
        self.number(items.len() as u64);
        items.iter().for_each(|item| encode(self, item));
    }

    fn maybe<T>(&mut self, item: Option<&T>, encode: impl Fn(&mut Self, &T)) {
        self.list(item.as_slice(), |encoder, item| encode(encoder, item));
    }

    /// Numbers as text: 1 and 1.0 differ, as they do in the data.
    fn json(&mut self, json: &Json) {
        match json {
            Json::Null => self.text("null"),
            Json::Bool(value) => self.text(if *value { "true" } else { "false" }),
            Json::Number(number) => {
                self.text("number");
                self.text(&number.to_string());
            }
            Json::String(text) => {
                self.text("string");
                self.text(text);
            }
            Json::Array(items) => {
                self.text("array");
                self.list(items, Self::json);
            }
            Json::Object(fields) => {
                self.text("object");
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                self.list(&fields, |encoder, (name, value)| {
                    encoder.text(name);
                    encoder.json(value);
                });
            }
        }
    }

    fn machine(&mut self, machine: &Machine) {
        let mut attributes: Vec<_> = machine.attributes.iter().collect();
        attributes.sort_by_key(|(name, _)| *name);
        self.list(&attributes, |encoder, (name, attribute)| {
            encoder.text(name.as_str());
            encoder.attribute(attribute);
        });
        let mut events: Vec<_> = machine.events.iter().collect();
        events.sort_by_key(|(name, _)| *name);
        self.list(&events, |encoder, (name, event)| {
            encoder.text(name.as_str());
            encoder.event(event);
        });
        self.json(&serde_json::to_value(&machine.limits).unwrap_or_default());
        self.list(&machine.states, Self::state);
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.text(&attribute.r#type);
        let flags = [attribute.is_array, attribute.required, attribute.sensitive];
        self.list(&flags, |encoder, flag| encoder.number(u64::from(*flag)));
        self.maybe(attribute.default.as_ref(), Self::json);
        self.json(attribute.schema.source());
    }

    fn event(&mut self, event: &EventType) {
        self.json(event.schema.source());
    }

    fn state(&mut self, state: &State) {
        self.text(state.id.as_str());
        match &state.kind {
            StateKind::Atomic => self.text("atomic"),
            StateKind::Compound { initial } => {
                self.text("compound");
                self.number(u64::from(initial.target));
                self.list(&initial.actions, Self::action);
            }
            StateKind::Parallel => self.text("parallel"),
            StateKind::Final => self.text("final"),
            StateKind::History { deep, default } => {
                self.text(if *deep { "deep" } else { "shallow" });
                self.list(default, |encoder, target| encoder.number(u64::from(*target)));
            }
        }
        self.number(u64::from(state.parent.map_or(0, |parent| parent + 1)));
        self.list(&state.transitions, Self::transition);
        self.list(&state.always, Self::transition);
        self.list(&state.delays, Self::delay);
        self.list(&state.entry, Self::action);
        self.list(&state.exit, Self::action);
        self.maybe(state.work.as_deref(), Self::work);
        self.list(&state.output, |encoder, name| encoder.text(name.as_str()));
        self.maybe(state.result.as_ref(), Self::computed);
        self.json(&serde_json::to_value(state.by).unwrap_or_default());
        self.number(u64::from(state.is_section));
        self.list(&state.tags, |encoder, tag| encoder.text(tag));
        self.json(&state.meta);
    }

    fn transition(&mut self, transition: &Transition) {
        match &transition.trigger {
            Trigger::Event(descriptor) => {
                self.text("event");
                match descriptor {
                    Descriptor::Exact(name) => self.text(name.as_str()),
                    Descriptor::Prefix(_) | Descriptor::Any => {
                        self.text("*");
                        self.text(&descriptor.to_string());
                    }
                }
            }
            Trigger::Always => self.text("always"),
            Trigger::After(number) => {
                self.text("after");
                self.number(u64::from(*number));
            }
            Trigger::Complete => self.text("complete"),
            Trigger::WorkDone => self.text("done"),
            Trigger::WorkFailed => self.text("failed"),
        }
        self.maybe(transition.guard.as_ref(), Self::guard);
        self.list(&transition.requires, Self::requirement);
        self.list(&transition.targets, |encoder, target| encoder.number(u64::from(*target)));
        self.number(u64::from(transition.reenter));
        self.list(&transition.actions, Self::action);
        if !transition.meta.is_null() {
            self.text("meta");
            self.json(&transition.meta);
        }
    }

    fn guard(&mut self, guard: &Guard) {
        match guard {
            Guard::Expr(expr) => match expr.params() {
                None => {
                    self.text("expr");
                    self.text(expr.source());
                }
                Some(params) => {
                    self.text("expr with");
                    self.text(expr.source());
                    self.json(params);
                }
            },
            Guard::Unbound(named) => self.named(named),
            Guard::InState(ix) => {
                self.text("in");
                self.number(u64::from(*ix));
            }
            Guard::All(guards) => {
                self.text("all");
                self.list(guards, Self::guard);
            }
            Guard::Any(guards) => {
                self.text("any");
                self.list(guards, Self::guard);
            }
            Guard::Not(guard) => {
                self.text("not");
                self.guard(guard);
            }
        }
    }

    fn requirement(&mut self, requirement: &Requirement) {
        self.text(match requirement.kind {
            FactKind::Action => "action",
            FactKind::Decision => "decision",
            FactKind::Message => "message",
            FactKind::Artifact => "artifact",
        });
        self.maybe(requirement.r#type.as_ref(), |encoder, text| encoder.text(text));
        self.maybe(requirement.name.as_ref(), |encoder, text| encoder.text(text));
        self.number(requirement.min);
        self.number(u64::from(requirement.observed));
    }

    fn delay(&mut self, delay: &Delay) {
        match delay {
            Delay::Fixed(span) => {
                self.text("fixed");
                self.number(span.0.unsigned_abs());
            }
            Delay::Computed(expr) => {
                self.text("computed");
                self.text(expr.source());
            }
            Delay::Unbound(name) => {
                self.text("unbound");
                self.text(name);
            }
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Assign(assigned) => {
                self.text("assign");
                self.assigned(assigned);
            }
            Action::Append(assigned) => {
                self.text("append");
                self.assigned(assigned);
            }
            Action::Raise(send) => {
                self.text("raise");
                self.send(send);
            }
            Action::Send(send) => {
                self.text("send");
                self.send(send);
            }
            Action::Cancel(id) => {
                self.text("cancel");
                self.computed(id);
            }
            Action::Log(line) => {
                self.text("log");
                self.computed(line);
            }
            Action::Unbound(named) => self.named(named),
        }
    }

    fn named(&mut self, named: &Named) {
        self.text(if named.params.is_null() { "unbound" } else { "unbound with" });
        self.text(&named.name);
        if !named.params.is_null() {
            self.json(&named.params);
        }
    }

    fn assigned(&mut self, assigned: &[(AttributeName, Computed)]) {
        self.list(assigned, |encoder, (name, value)| {
            encoder.text(name.as_str());
            encoder.computed(value);
        });
    }

    fn send(&mut self, send: &Send) {
        self.text(send.event.as_str());
        self.list(&send.data, Self::field);
        self.maybe(send.delay.as_ref(), Self::delay);
        self.maybe(send.id.as_ref(), |encoder, id| encoder.text(id));
    }

    fn field(&mut self, (name, value): &(String, Computed)) {
        self.text(name);
        self.computed(value);
    }

    fn computed(&mut self, computed: &Computed) {
        match computed {
            Computed::Literal(value) => {
                self.text("literal");
                self.json(value);
            }
            Computed::Expr(expr) => {
                self.text("expr");
                self.text(expr.source());
            }
            Computed::Template(template) => {
                self.text("template");
                self.text(template.source());
            }
            Computed::Object(fields) => {
                self.text("object");
                self.list(fields, Self::field);
            }
            Computed::List(items) => {
                self.text("list");
                self.list(items, Self::computed);
            }
        }
    }

    fn work(&mut self, work: &Work) {
        self.text(work.kind.as_str());
        self.maybe(work.name.as_ref(), |encoder, name| encoder.text(name));
        let is_live = work.spec.get("live") == Some(&Json::Bool(true));
        let prompt = work.prompt.as_ref().filter(|_| !is_live);
        self.maybe(prompt, |encoder, prompt| encoder.text(prompt.source()));
        self.json(&work.spec);
        self.json(&serde_json::to_value(&work.retry).unwrap_or_default());
        self.json(&serde_json::to_value(work.timeout).unwrap_or_default());
    }
}
