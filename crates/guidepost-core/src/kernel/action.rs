//! What is done on the way: actions, delays and computed values.

use serde_json::{Map, Value as Json};

use crate::data::{Change, Pointer};
use crate::effect::Effect;
use crate::id::{AttributeName, TimerId, Visit};
use crate::kernel::macrostep::Macrostep;
use crate::kernel::occurrence::Occurrence;
use crate::limits::TIMERS_MAX;
use crate::machine::expr::Expr;
use crate::machine::{Action, Computed, Delay, Machine, Send, StateIx, WorkKind};
use crate::record::{TimerFires, TimerSet};
use crate::time::Span;

impl Macrostep<'_> {
    /// Does actions in order. One that cannot be done is noted as a problem; the others go on.
    pub(super) fn act(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Assign(fields) => {
                    for (name, computed) in fields {
                        if let Some(value) = self.try_compute(computed) {
                            self.assign(name, &value);
                        }
                    }
                }
                Action::Append(fields) => {
                    for (name, computed) in fields {
                        if let Some(item) = self.try_compute(computed) {
                            self.append(name, item);
                        }
                    }
                }
                Action::Raise(send) => self.send(send, true),
                Action::Send(send) => self.send(send, false),
                Action::Cancel(id) => {
                    if let Some(id) = self.try_compute(id) {
                        let id = sent_timer(&text(id));
                        self.timers.retain(|timer| timer.id != id);
                        self.ended_timers.push(id);
                    }
                }
                Action::Log(message) => {
                    if let Some(message) = self.try_compute(message) {
                        self.effects.push(Effect::Log { message: text(message) });
                    }
                }
                Action::Unbound(named) => {
                    self.problems.push(format!("action `{}` is not defined", named.name))
                }
            }
        }
    }

    /// Sets an attribute, unless the value does not fit it.
    fn assign(&mut self, name: &AttributeName, value: &Json) {
        if self.fits(name, value) {
            self.set(name, value);
        }
    }

    /// Adds an item to a list, unless a list of it would not fit the attribute.
    fn append(&mut self, name: &AttributeName, item: Json) {
        let items = Json::Array(vec![item]);
        if self.fits(name, &items)
            && let Json::Array(items) = items
        {
            self.change(Change::Append(Pointer::attribute(name.as_str()), items));
        }
    }

    /// Whether an attribute takes a value. If not, the problem is noted.
    fn fits(&mut self, name: &AttributeName, value: &Json) -> bool {
        let attribute = self.machine.attributes.get(name);
        let problems = attribute.map(|attribute| attribute.schema.check(value)).unwrap_or_default();
        if let Some(problem) = problems.first() {
            self.problems.push(format!("`{name}` cannot be set: {}", problem.what));
        }
        problems.is_empty()
    }

    fn send(&mut self, send: &Send, is_raised: bool) {
        let mut data = Map::new();
        for (name, computed) in &send.data {
            if let Some(value) = self.try_compute(computed) {
                data.insert(name.clone(), value);
            }
        }
        let delay = send.delay.as_ref().and_then(|delay| self.delay(delay));
        let Some(delay) = delay else {
            let occurrence = Occurrence::event(send.event.clone(), &data);
            let queue = if is_raised { &mut self.raised } else { &mut self.sent };
            queue.push_back(occurrence);
            return;
        };
        let id = send.id.as_deref().map_or_else(|| self.unnamed_timer(), sent_timer);
        let data = if data.is_empty() { Json::Null } else { Json::Object(data) };
        self.set_timer(id, delay, TimerFires::Event { name: send.event.clone(), data });
    }

    /// Sets the timers of a state that was entered.
    pub(super) fn set_delays(&mut self, ix: StateIx) {
        let machine = self.machine;
        let state = machine.state(ix);
        for (delay, number) in state.delays.iter().zip(0_u32..) {
            if let Some(span) = self.delay(delay) {
                // The root is left only to be entered again, and then its new timer takes the place of the old one.
                let visit = if ix == Machine::ROOT { Visit(1) } else { self.visit(ix) };
                let id = format!("after:{}#{visit}:{number}", state.id);
                let fires = TimerFires::After { state: state.id.clone(), delay: number };
                self.set_timer(TimerId::from(id), span, fires);
            }
        }
    }

    /// Sets the timer that ends the work of a state that waits for a time.
    pub(super) fn set_wait(&mut self, ix: StateIx) {
        let machine = self.machine;
        let state = machine.state(ix);
        let waits = state.work.as_ref().filter(|work| work.kind == WorkKind::Wait);
        let Some(time) = waits.and_then(|work| work.spec.get("for")) else { return };
        let computed = match time.as_str().map(Expr::compile) {
            Some(Ok(expr)) if span_of(time).is_none() => self.delay(&Delay::Computed(expr)),
            Some(_) | None => span_of(time),
        };
        match computed {
            Some(span) => {
                let id = format!("wait:{}#{}", state.id, self.visit(ix));
                let fires = TimerFires::WorkDone { state: state.id.clone() };
                self.set_timer(TimerId::from(id), span, fires);
            }
            None => self.problems.push(format!("{time} is no time to wait for")),
        }
    }

    /// Sets the timer that ends the question of a state unanswered.
    pub(super) fn set_expiry(&mut self, ix: StateIx) {
        let machine = self.machine;
        let state = machine.state(ix);
        let asks = state.work.as_ref().filter(|work| work.kind == WorkKind::Ask);
        let expires = asks.and_then(|work| work.spec.get("expires"));
        if let Some(span) = expires.and_then(span_of) {
            let id = format!("expires:{}#{}", state.id, self.visit(ix));
            let fires = TimerFires::Expired { state: state.id.clone() };
            self.set_timer(TimerId::from(id), span, fires);
        }
    }

    fn set_timer(&mut self, id: TimerId, span: Span, fires: TimerFires) {
        let is_new = !self.run.timers.contains_key(&id);
        if is_new && self.run.timers.len() + self.timers_set >= TIMERS_MAX {
            self.problems.push(format!("more than {TIMERS_MAX} timers are pending"));
            return;
        }
        self.timers_set += 1;
        self.timers.retain(|timer| timer.id != id);
        self.timers.push(TimerSet { id, due: self.at.after(span), fires });
    }

    /// A timer id for a delayed event without a name. No other has it: every decision raises the rev, and within one the
    /// timers are counted.
    fn unnamed_timer(&self) -> TimerId {
        TimerId::from(format!("send:{}.{}", self.run.rev.next(), self.timers_set))
    }

    fn delay(&mut self, delay: &Delay) -> Option<Span> {
        let expr = match delay {
            Delay::Fixed(span) => return Some(*span),
            Delay::Computed(expr) => expr,
            Delay::Unbound(name) => {
                self.problems.push(format!("delay `{name}` is not defined"));
                return None;
            }
        };
        let value = match expr.eval(self.scope()) {
            Ok(value) => value,
            Err(error) => {
                self.problems.push(format!("delay `{}`: {error}", expr.source()));
                return None;
            }
        };
        let span = span_of(&value);
        if span.is_none() {
            self.problems
                .push(format!("delay `{}` gives {value}, which is no time", expr.source()));
        }
        span
    }

    /// A value; null, with a problem noted, if it cannot be worked out.
    pub(super) fn compute(&mut self, computed: &Computed) -> Json {
        self.try_compute(computed).unwrap_or(Json::Null)
    }

    fn try_compute(&mut self, computed: &Computed) -> Option<Json> {
        match computed {
            Computed::Literal(value) => Some(value.clone()),
            Computed::Expr(expr) => match expr.eval(self.scope()) {
                Ok(value) => Some(value),
                Err(error) => self.fail(expr.source(), &error.to_string()),
            },
            Computed::Template(template) => match template.render(self.scope()) {
                Ok(text) => Some(Json::String(text)),
                Err(error) => self.fail(template.source(), &error.to_string()),
            },
            Computed::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), self.compute(value)));
                Some(Json::Object(fields.collect()))
            }
            Computed::List(items) => {
                Some(Json::Array(items.iter().map(|item| self.compute(item)).collect()))
            }
        }
    }

    fn fail(&mut self, source: &str, error: &str) -> Option<Json> {
        self.problems.push(format!("`{source}`: {error}"));
        None
    }
}

impl Machine {
    /// The names of guards and actions that nobody defined or bound.
    #[must_use]
    pub fn unbound(&self) -> Vec<String> {
        let guards = self.unbound_guards.iter().filter(|(_, answer)| answer.is_none());
        let guards = guards.map(|(name, _)| name.clone());
        guards.chain(self.unbound_actions.iter().cloned()).collect()
    }
}

/// A length of time: a number is milliseconds, a text a span such as `2h`.
fn span_of(value: &Json) -> Option<Span> {
    match value {
        Json::Number(number) => number.as_u64().map(Span::from_millis),
        Json::String(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// The timer of a delayed event that has a name.
fn sent_timer(id: &str) -> TimerId {
    TimerId::from(format!("send:{id}"))
}

/// A value as text: a string as it is, anything else as JSON.
fn text(value: Json) -> String {
    match value {
        Json::String(text) => text,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            value.to_string()
        }
    }
}
