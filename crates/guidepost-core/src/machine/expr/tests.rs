//! What expressions and templates give, and how they are refused.

use std::sync::Arc;

use minijinja::Value;
use serde_json::{Value as Json, json};

use super::*;
use crate::data::value_of;
use crate::id::AttributeName;

fn scope() -> Scope {
    let data = json!({
        "budget": 4, "name": "Ada", "empty": "", "none": null, "big": "x".repeat(60_000),
        "lead": {"name": "Acme", "tags": ["a", "b"], "size": 12.5},
        "items": [{"n": 3, "k": "c"}, {"n": 1, "k": "a"}, {"n": 2, "k": "b"}],
        "words": ["b", "a", "b"], "many": (0..9_000).collect::<Vec<_>>(),
    });
    let Json::Object(data) = data else { unreachable!() };
    Scope {
        data: data.into_iter().map(|(k, v)| (AttributeName::from(k), v)).collect(),
        event: value_of(&json!({"score": 72, "note": "ok"})),
        active: Arc::from([StateId::from("Review.Coding"), StateId::from("Watch")]),
    }
}

fn eval(source: &str) -> Result<Json, String> {
    let expr = Expr::compile(source).map_err(|error| format!("compile: {error}"))?;
    expr.eval(&scope()).map_err(|error| error.message)
}

fn render(source: &str) -> Result<String, String> {
    let template = Template::compile(source).map_err(|error| format!("compile: {error}"))?;
    template.render(&scope()).map_err(|error| error.message)
}

#[track_caller]
fn gives(source: &str, expected: Json) {
    assert_eq!(eval(source), Ok(expected.clone()), "{source}");
    // Templates agree with expressions.
    let text = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
    assert_eq!(render(&format!("{{{{ {source} }}}}")), Ok(text), "{source}");
}

#[track_caller]
fn fails(source: &str, message: &str) {
    let error = eval(source).expect_err(source);
    assert!(error.contains(message), "{source}: {error}");
    let error = render(&format!("{{{{ {source} }}}}")).expect_err(source);
    assert!(error.contains(message), "{source}: {error}");
}

#[test]
fn an_expression_sees_attributes_the_event_and_the_states() {
    gives("event.score >= 70 and budget > 3", json!(true));
    gives("lead.tags[1] ~ lead['name']", json!("bAcme"));
    gives("in_state('Review') and in_state('Review.Coding') and not in_state('Rev')", json!(true));
    gives("lead.size if budget == 4 else none", json!(12.5));
    gives("[1, 'a', {'b': none}]", json!([1, "a", {"b": null}]));
}

#[test]
fn numbers_are_exact_and_bounded() {
    gives("7 // 2 + 7 % 3 - -1 * 2", json!(6));
    gives("-7 // 2", json!(-4));
    gives("-7 % 3", json!(2));
    gives("7 / 2", json!(3.5));
    gives("2 ** 10", json!(1024));
    gives("9223372036854775807 + 1", json!(9_223_372_036_854_775_808_u64));
    gives("1 == 1.0 and 9007199254740993 > 9007199254740992.0", json!(true));
    fails("1 / 0", "divide by 0");
    fails("1 % 0.0", "divide by 0");
    fails("2 ** 64", "too large");
    fails("10 ** 400", "too large");
    fails("10.0 ** 400", "no finite number");
}

#[test]
fn what_is_undefined_can_only_be_asked_about_or_replaced() {
    gives("missing is defined", json!(false));
    gives("missing.deep.er is not defined", json!(true));
    gives("missing.deep | default('x')", json!("x"));
    gives("empty | default('x', true)", json!("x"));
    gives("none is defined and none is none", json!(true));
    fails("missing", "`missing` is undefined");
    fails("not missing", "`missing` is undefined");
    fails("event.scor >= 70", "`event.scor` is undefined");
    fails("missing.a", "`missing` is undefined");
    fails("[missing]", "`missing` is undefined");
    fails("lead.tags[7]", "`lead.tags[7]` is undefined");
    assert_eq!(render("{% if missing %}a{% endif %}"), Err("`missing` is undefined".to_owned()));
}

#[test]
fn values_of_different_kinds_have_no_order() {
    for source in [
        "'10' > 9",
        "1 < 2 < '3'",
        "none < 1",
        "true < 2",
        "lead > 1",
        "[1] < ['a']",
        "lead < lead",
        "[1, 'a'] | sort",
        "[1, 'a'] | min",
        "['a', none] | max",
        "{'a': 1, 'b': 'x'} | dictsort == 1 or (items | sort(attribute='k') | list) < 1",
        "[1, 2] | select('gt', 'a') | list",
    ] {
        fails(source, "have no order");
    }
    assert!(render("{% if name > 1 %}{% endif %}").is_err());
    gives("1 < 1.5 <= 2", json!(true));
    gives("'a' < 'b' and [1, 2] < [1, 3] and false < true", json!(true));
    gives("'1' == 1 or true == 1", json!(false));
    gives("'1' != 1", json!(true));
}

#[test]
fn filters_work_on_texts_lists_and_objects() {
    gives("name | upper ~ ' ' ~ 'ada LOVELACE' | title", json!("ADA Ada Lovelace"));
    gives("items | sort(attribute='n') | map(attribute='k') | join('-')", json!("a-b-c"));
    gives("items | selectattr('n', 'gt', 1) | map(attribute='n') | sum", json!(5));
    gives("words | unique | list", json!(["b", "a"]));
    gives("(items | max(attribute='n')).k", json!("c"));
    gives("[1, 2, 3] | batch(2)", json!([[1, 2], [3]]));
    gives("[1, 2, 3] | slice(2)", json!([[1, 2], [3]]));
    gives("'a,b' | split(',') | reverse", json!(["b", "a"]));
    gives("lead | tojson | length > 10", json!(true));
    gives("'3' | int + '1.5' | float", json!(4.5));
    gives("2.567 | round(1)", json!(2.6));
    gives("'abcdef' | truncate(4)", json!("abc…"));
    gives("'a b' | urlencode", json!("a%20b"));
    gives("'abcdef'[1:-1:2] ~ 'abc'[::-1]", json!("bdcba"));
    gives("[1, 2, 3][-1]", json!(3));
    gives("{'b': 1, 'a': 2} | dictsort", json!([["a", 2], ["b", 1]]));
    gives("words | groupby('0') | length if false else 3", json!(3));
    gives("'Ad' in name and 'a' in words and 'name' in lead and 'z' not in lead", json!(true));
    gives("3 is odd and 4 is divisibleby 2 and name is startingwith 'A'", json!(true));
}

#[test]
fn templates_have_loops_conditions_and_variables() {
    let text = "{% for i in items if i.n > 1 %}{{ loop.index }}:{{ i.k }}{{ ',' if not loop.last else '' }}{% else %}none{% endfor %}";
    assert_eq!(render(text).as_deref(), Ok("1:c,2:b"));
    assert_eq!(render("{% for i in [] %}{% else %}none{% endfor %}").as_deref(), Ok("none"));
    assert_eq!(
        render("{% for k, v in {'a': 1} | items %}{{ k }}={{ v }}{% endfor %}").as_deref(),
        Ok("a=1")
    );
    assert_eq!(
        render("{% set x %}{{ name }}!{% endset %}{{ x * 2 }}\n").as_deref(),
        Ok("Ada!Ada!\n")
    );
    assert_eq!(render("{% with a = 1, b = a %}{{ b }}{% endwith %}").as_deref(), Ok("1"));
    assert_eq!(
        render("{% if budget > 5 %}a{% elif budget > 3 %}b{% else %}c{% endif %}").as_deref(),
        Ok("b")
    );
    assert_eq!(
        render("{{ lead }} {{ none }} {{ true }}").as_deref(),
        Ok(r#"{"name":"Acme","tags":["a","b"],"size":12.5} null true"#)
    );
    assert_eq!(render("plain { text }\n").as_deref(), Ok("plain { text }\n"));
    assert_eq!(render("{# note #}{% raw %}{{ x }}{% endraw %}").as_deref(), Ok("{{ x }}"));
}

fn set(names: &[&str]) -> IndexSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn an_error_in_a_template_says_where() {
    let template =
        Template::compile("Dear {{ name }},\n{% if budget > 1 %}\n  {{ nam }}{% endif %}").unwrap();
    let error = template.render(&scope()).unwrap_err();
    assert_eq!(error.to_string(), "`nam` is undefined (line 3, column 6)");
}

#[test]
fn names_tell_what_is_used() {
    let names =
        Expr::compile("event.score > a and event['b'] and in_state('X.Y') or lead.a").unwrap();
    assert!(names.uses_event());
    let expected = Names {
        attributes: set(&["a", "lead"]),
        event: true,
        event_fields: set(&["score", "b"]),
        states: set(&["X.Y"]),
    };
    assert_eq!(names.names(), &expected);
    let names = Template::compile(
        "{% set y = z %}{% for x in xs %}{{ x.a ~ y ~ loop.index }}{% endfor %}{{ x }}",
    )
    .unwrap();
    assert_eq!(names.names().attributes, set(&["z", "xs", "x"]));
}

#[test]
fn what_is_not_offered_is_refused_when_it_is_compiled() {
    for (source, message) in [
        ("{% include 'a' %}", "include"),
        ("{% import 'a' as b %}", "import"),
        ("{% extends 'a' %}", "extends"),
        ("{% macro a() %}{% endmacro %}", "macro"),
        ("{{ a.b() }}", "no methods"),
        ("{{ debug() }}", "no function `debug`"),
        ("{{ rnage(3) }}", "did you mean `range`?"),
        ("{{ a | uper }}", "did you mean `upper`?"),
        ("{{ a is odds }}", "did you mean `odd`?"),
        ("{{ a | upper(1) }}", "takes no argument"),
        ("{{ a | join(sep=1) }}", "no argument `sep`"),
        ("{% set event = 1 %}", "`event` always means"),
        ("{{ a", "unexpected end of input"),
        ("{% for x in y recursive %}{% endfor %}", "recursive"),
    ] {
        let error = Template::compile(source).expect_err(source);
        assert!(error.message.contains(message), "{source}: {error}");
    }
    let error = Expr::compile("a +\n  * b").unwrap_err();
    assert_eq!((error.line, error.column), (2, 3));
    assert!(Expr::compile("").is_err());
    assert!(Expr::compile("a b").is_err());
}

#[test]
fn no_text_or_list_outgrows_its_bound_not_even_on_the_way() {
    for source in [
        "('x' * 1000000000) | length",
        "1000000000 * 'x' == 1",
        "([1] * 1000000000) | length",
        "(big ~ big) | length",
        "(big + big) | length",
        "range(1000000000) | length",
        "range(0, 9223372036854775807) | first",
        "(many + many) | length",
        "big | replace('x', 'yyyy') | length",
        "'x' | center(1000000000) | length",
        "'x\ny' | indent(1000000000) | length",
        "[big, big] | join | length",
        "words | join(big) | length",
        "[big, big] | tojson | length",
        "[1] | batch(1000000000, 0) | length",
        "[1] | slice(1000000000) | length",
        "'%s' | truncate(3, big ~ big) | length",
        "big | list | length",
        "big | escape | replace('x', 'xx') | length",
    ] {
        let error = eval(source).expect_err(source);
        assert!(error.contains("longer than") || error.contains("too large"), "{source}: {error}");
    }
}

#[test]
fn doubling_and_looping_end_at_a_bound() {
    let doubling = "{% set a = 'xxxxxxxx' %}".to_owned() + &"{% set a = a ~ a %}".repeat(100);
    assert!(render(&doubling).unwrap_err().contains("longer than"));
    let nested = "{% set a = [1] %}".to_owned() + &"{% set a = [a, a] %}".repeat(1_000);
    assert!(render(&nested).unwrap_err().contains("nests more than"));
    let shared = "{% set a = [1] %}".to_owned() + &"{% set a = [a, a] %}".repeat(60);
    assert!(render(&(shared.clone() + "{{ a }}")).is_err());
    assert!(render(&(shared + "{{ a == [a] }}{{ a | tojson }}")).is_err());
    let loops = "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}";
    assert!(render(loops).unwrap_err().contains("steps"));
    let copies = "{% for a in many %}{{ '' if big | upper == 'x' else '' }}{% endfor %}";
    assert!(render(copies).unwrap_err().contains("steps"));
}

#[test]
fn hostile_nesting_neither_overflows_nor_hangs() {
    const N: usize = 100_000;
    let long = |unit: &str| unit.repeat((64 * 1024 - 8) / unit.len());
    let mut sources = vec![
        "(".repeat(N) + "1" + &")".repeat(N),
        long("("),
        long("["),
        long("{'a':"),
        long("a["),
        long("a("),
        long("not "),
        long("-"),
        "a".to_owned() + &long(".a"),
        "a".to_owned() + &long("+a"),
        "a".to_owned() + &long(" and a"),
        "a".to_owned() + &long("[0]"),
        "a".to_owned() + &long("|upper"),
        "a".to_owned() + &long(" is odd"),
        "a".to_owned() + &long(" if a else a"),
        "a".to_owned() + &long(" if a"),
        "a".to_owned() + &long("~a"),
        "a".to_owned() + &long("**a"),
        "a".to_owned() + &long("<a"),
    ];
    for source in &sources {
        assert!(Expr::compile(source).is_err(), "{}", &source[..20]);
    }
    sources.extend([
        long("{% if a %}"),
        long("{% for a in b %}"),
        long("{% set a %}"),
        long("{% with a=b %}"),
    ]);
    sources.push("{% if a %}".to_owned() + &long("{% elif a %}"));
    sources.push(long("{% if a %}{% set b = 1 %}"));
    for source in &sources {
        assert!(Template::compile(&format!("{{{{ {source} }}}}")).is_err());
        assert!(Template::compile(source).is_err() || !source.contains("{%"));
    }
    // What people write fits.
    let sum = vec!["a"; 60].join(" + ");
    assert!(Expr::compile(&sum).is_ok());
    assert!(Expr::compile(&format!("[{}]", vec!["a.b.c"; 5_000].join(","))).is_ok());
    assert!(Template::compile(&"{% if a %}{{ a }}{% endif %}{% set x = 1 %}".repeat(500)).is_ok());
}

#[test]
fn an_event_is_undefined_when_there_is_none() {
    let scope = Scope { event: Value::UNDEFINED, ..scope() };
    assert!(Expr::compile("event.score > 1").unwrap().test(&scope).is_err());
    assert_eq!(Expr::compile("event is defined").unwrap().test(&scope), Ok(false));
}

#[test]
fn a_template_is_filled_in_as_far_as_that_goes() {
    let fill = |source: &str| Template::compile(source).unwrap().fill(&scope());
    let filled = fill(
        "To {{ lead.name }}, of {{ lead.country }}:{% for tag in lead.tags %} {{ tag }}{{ tag.x }}{% endfor %}.{% if gone %}a{% endif %}",
    );
    assert_eq!(
        filled.text,
        "To Acme, of [`lead.country` is undefined]: a[`tag.x` is undefined] b[`tag.x` is undefined].[`gone` is undefined]"
    );
    let values: Vec<&str> = filled.values.iter().map(|at| &filled.text[at.clone()]).collect();
    assert_eq!(values, ["Acme", "a", "b"]);
    assert_eq!(filled.gaps[0].to_string(), "`lead.country` is undefined (line 1, column 27)");
    assert_eq!(filled.gaps.len(), 4);

    // What is captured is a value as a whole, where it is shown.
    let captured = fill("{% set it %}<{{ name }}>{% endset %}So {{ it }}");
    assert_eq!((&*captured.text, captured.values.first()), ("So <Ada>", Some(&(3..8))));
    // A text without expressions stands as it is.
    let plain = fill("{ plain }");
    assert_eq!((&*plain.text, plain.gaps.len(), plain.values.len()), ("{ plain }", 0, 0));
}

#[test]
fn too_many_gaps_end_a_template() {
    let filled = Template::compile("{% for n in many %}{{ n.x }}{% endfor %}").unwrap();
    let filled = filled.fill(&scope());
    assert_eq!(filled.gaps.len(), 21);
    assert!(filled.text.len() < 1_000, "{}", filled.text);
}
