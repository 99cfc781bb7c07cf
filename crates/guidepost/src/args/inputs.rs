//! The inputs of a simulation, kept in the order in which they were typed, whatever their options.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use guidepost_core::time::Span;
use serde_json::Value as Json;

use super::object::{Object, object, value};

/// What happens in a simulation, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Inputs(pub(crate) Vec<Sent>);

/// One thing that happens in a simulation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    /// An event arrives.
    Event {
        /// Its name.
        name: String,
        /// What it carries.
        data: Object,
    },
    /// Time passes.
    Advance(Span),
    /// A state's work ends well.
    Done {
        /// The state.
        state: String,
        /// Its outputs in an object, or the value of the only one; null for none.
        output: Json,
    },
    /// A state's work fails.
    Failed {
        /// The state.
        state: String,
        /// Why.
        reason: String,
    },
    /// From now on a guard gives this answer.
    Guard {
        /// Its name.
        name: String,
        /// Its answer.
        answer: bool,
    },
}

/// The options, each with the shape of its value, its help and how it is read.
const OPTIONS: [InputOption; 5] = [
    InputOption { name: "event", value: "NAME[=JSON]", help: "An event arrives", read: event },
    InputOption {
        name: "advance",
        value: "TIME",
        help: "Time passes: 10s, 1h30m, 72h. Timers fire in order when they are due",
        read: advance,
    },
    InputOption {
        name: "done",
        value: "STATE[=JSON]",
        help: "A state's work ends well, with its outputs in an object, or the value of the only one",
        read: done,
    },
    InputOption {
        name: "failed",
        value: "STATE[=JSON]",
        help: "A state's work fails",
        read: failed,
    },
    InputOption {
        name: "guard",
        value: "NAME=BOOL",
        help: "What a guard that has only a name answers",
        read: guard,
    },
];

/// An option that takes an input.
struct InputOption {
    name: &'static str,
    value: &'static str,
    help: &'static str,
    read: fn(&str) -> Result<Sent, String>,
}

impl Args for Inputs {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, option| {
            let read = option.read;
            command.arg(
                Arg::new(option.name)
                    .long(option.name)
                    .value_name(option.value)
                    .help(option.help)
                    .help_heading("Inputs")
                    .action(ArgAction::Append)
                    .value_parser(move |text: &str| read(text)),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Inputs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut placed: Vec<(usize, Sent)> = Vec::new();
        for option in &OPTIONS {
            let places = matches.indices_of(option.name).into_iter().flatten();
            let inputs = matches.get_many::<Sent>(option.name).into_iter().flatten().cloned();
            placed.extend(places.zip(inputs));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(Self(placed.into_iter().map(|(_, input)| input).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn event(text: &str) -> Result<Sent, String> {
    let (name, data) = named_object(text)?;
    Ok(Sent::Event { name, data })
}

fn advance(text: &str) -> Result<Sent, String> {
    text.parse()
        .map(Sent::Advance)
        .map_err(|error: guidepost_core::time::NotASpan| error.to_string())
}

fn done(text: &str) -> Result<Sent, String> {
    let (state, rest) = named(text)?;
    let output = rest.map(value).transpose()?.unwrap_or_default();
    Ok(Sent::Done { state, output })
}

/// The reason may be given as a JSON text, as an object with a `reason`, or as it is.
fn failed(text: &str) -> Result<Sent, String> {
    let (state, rest) = named(text)?;
    let reason = match rest.map(|rest| (rest, serde_json::from_str(rest))) {
        None => "failed in the simulation".to_owned(),
        Some((_, Ok(Json::String(reason)))) => reason,
        Some((rest, Ok(Json::Object(fields)))) => match fields.get("reason") {
            Some(Json::String(reason)) => reason.clone(),
            _ => rest.to_owned(),
        },
        Some((rest, _)) => rest.to_owned(),
    };
    Ok(Sent::Failed { state, reason })
}

fn guard(text: &str) -> Result<Sent, String> {
    let (name, answer) = named(text)?;
    let answer = match answer {
        Some("true") | None => true,
        Some("false") => false,
        Some(other) => return Err(format!("expected `true` or `false`, not `{other}`")),
    };
    Ok(Sent::Guard { name, answer })
}

fn named(text: &str) -> Result<(String, Option<&str>), String> {
    let (name, rest) = match text.split_once('=') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    if name.is_empty() { Err("expected a name".to_owned()) } else { Ok((name.to_owned(), rest)) }
}

fn named_object(text: &str) -> Result<(String, Object), String> {
    let (name, rest) = named(text)?;
    Ok((name, rest.map(object).transpose()?.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Probe {
        #[command(flatten)]
        inputs: Inputs,
    }

    #[test]
    fn inputs_keep_their_order_across_options() {
        let probe = <Probe as clap::Parser>::parse_from([
            "probe",
            "--event",
            "A",
            "--advance",
            "5s",
            "--event=B={\"x\":1}",
            "--done",
            "S.T",
            "--done=S=7",
            "--failed",
            "S=no luck",
            "--guard",
            "g=false",
            "--advance",
            "1m",
        ]);
        let shown: Vec<String> = probe.inputs.0.iter().map(|input| format!("{input:?}")).collect();
        expect_test::expect![[r#"
            Event { name: "A", data: {} }
            Advance(Span(5000000000))
            Event { name: "B", data: {"x": Number(1)} }
            Done { state: "S.T", output: Null }
            Done { state: "S", output: Number(7) }
            Failed { state: "S", reason: "no luck" }
            Guard { name: "g", answer: false }
            Advance(Span(60000000000))"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn what_makes_no_input_is_refused() {
        for (option, text) in [
            ("event", "=1"),
            ("event", "A=1"),
            ("event", r#"A={"n":1,"n":2}"#),
            ("done", r#"S={"n":18446744073709551616}"#),
            ("done", "S={"),
            ("guard", "g=maybe"),
            ("advance", "9"),
        ] {
            let read = OPTIONS.iter().find(|known| known.name == option).unwrap().read;
            assert!(read(text).is_err(), "--{option} {text}");
        }
        let command = Inputs::augment_args(Command::new("probe").arg(Arg::new("file")));
        command.debug_assert();
    }

    /// The files are those the fuzz target `simulate_input` begins with.
    #[test]
    fn hostile_inputs_are_read_or_refused_with_a_reason() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/simulate_input");
        let mut refused = 0;
        for file in std::fs::read_dir(corpus).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for option in &OPTIONS {
                if let Err(reason) = (option.read)(&text) {
                    assert!(!reason.is_empty(), "--{} {text}", option.name);
                    refused += 1;
                }
            }
        }
        assert!(refused > 10, "only {refused} were refused");
    }
}
