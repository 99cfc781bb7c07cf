//! `guidepost simulate`.

use expect_test::expect;

use crate::conversation::Conversation;

/// A workflow with a gate of data, a guard, a timer, work and regions.
pub(crate) const ORDER: &str = r#"
name: order
attributes:
  items: { type: array, required: true }
  receipt: { type: string }
events:
  Pay: { data: { amount: { type: number, required: true } } }
initial: Cart
states:
  Cart:
    on:
      Pay:
        - { target: Charging, guard: event.amount > 0 }
        - { target: Free }
    after: { 30m: Expired }
  Charging:
    tool: charge
    output: [receipt]
    onDone: Shipping
    onError: Cart
  Free: { always: Shipping }
  Shipping:
    type: parallel
    states:
      Parcel:
        initial: Packing
        states:
          Packing: { on: { Packed: Done } }
          Done: { type: final }
      Mail:
        initial: Writing
        states:
          Writing: { on: { Sent: Done } }
          Done: { type: final }
    onDone: Closed
  Closed: { type: final }
  Expired: { type: final }
"#;

#[test]
fn a_workflow_is_stepped_through_without_a_store() {
    let mut talk = Conversation::new();
    talk.file("order.yaml", ORDER);
    talk.type_(
        r#"simulate order.yaml --input '{"items":[1]}' --event 'Pay={"amount":0}' --event Packed --event Sent"#,
    );
    talk.expect(&expect![[r#"
        $ guidepost simulate order.yaml --input '{"items":[1]}' --event 'Pay={"amount":0}' --event Packed --event Sent
        start {"items":[1]}
          enter Cart
          in: Cart
          active: Cart
          status: running, rev 2
          data: {"items":[1]}
          legal: Pay {amount!}

        event Pay {"amount":0}
          Pay: Cart -> Free
          always: Free -> Shipping.Parcel.Packing, Shipping.Mail.Writing
          in: Shipping.Parcel.Packing, Shipping.Mail.Writing
          active: Shipping, Shipping.Parcel, Shipping.Parcel.Packing, Shipping.Mail, Shipping.Mail.Writing
          status: running, rev 4
          data: {"items":[1]}
          legal: Packed, Sent

        event Packed
          Packed: Shipping.Parcel.Packing -> Shipping.Parcel.Done
          in: Shipping.Parcel.Done, Shipping.Mail.Writing
          active: Shipping, Shipping.Parcel, Shipping.Parcel.Done, Shipping.Mail, Shipping.Mail.Writing
          status: running, rev 5
          data: {"items":[1]}
          legal: Sent

        event Sent
          Sent: Shipping.Mail.Writing -> Shipping.Mail.Done
          done: Shipping -> Closed
          in: Closed
          active: Closed
          status: completed, rev 8
          data: {"items":[1]}
          legal: nothing

    "#]]);
    assert!(!talk.path().join("guidepost.db").exists());
}

#[test]
fn inputs_keep_their_order_and_a_refused_one_changes_nothing() {
    let mut talk = Conversation::new();
    talk.file("order.yaml", ORDER);
    talk.type_(
        r#"simulate order.yaml --input '{"items":[]}' --event Pay --event 'Pay={"amount":5}' --failed 'Charging=no money' --advance 29m --event Nope --advance 1m"#,
    );
    talk.expect(&expect![[r#"
        $ guidepost simulate order.yaml --input '{"items":[]}' --event Pay --event 'Pay={"amount":5}' --failed 'Charging=no money' --advance 29m --event Nope --advance 1m
        start {"items":[]}
          enter Cart
          in: Cart
          active: Cart
          status: running, rev 2
          data: {"items":[]}
          legal: Pay {amount!}

        event Pay
          not done: `Pay` does not carry what it must [GP0204]
            lacks `amount`
          hint: expected `Pay {amount!}`, for example {"amount":0}
          in: Cart
          active: Cart
          status: running, rev 2
          data: {"items":[]}
          legal: Pay {amount!}

        event Pay {"amount":5}
          Pay: Cart -> Charging
          in: Charging
          active: Charging
          status: running, rev 3
          data: {"items":[]}
          legal: done {receipt!}, failed {reason!}

        failed Charging no money
          failed: Charging -> Cart
          in: Cart
          active: Cart
          status: running, rev 4
          data: {"items":[]}
          legal: Pay {amount!}

        advance 29m
          in: Cart
          active: Cart
          status: running, rev 4
          data: {"items":[]}
          legal: Pay {amount!}

        event Nope
          not done: `Nope` is not legal in `Cart` [GP0201]
          hint: legal now: Pay {amount!}
          in: Cart
          active: Cart
          status: running, rev 4
          data: {"items":[]}
          legal: Pay {amount!}

        advance 1m
          after 30m: Cart -> Expired
          in: Expired
          active: Expired
          status: completed, rev 6
          data: {"items":[]}
          legal: nothing
        exit 2

    "#]]);
}

#[test]
fn programs_get_an_object_a_line() {
    let mut talk = Conversation::new();
    talk.file("order.yaml", ORDER);
    talk.type_(
        r#"simulate order.yaml --json --input '{"items":[]}' --event 'Pay={"amount":5}' --done 'Charging={"receipt":"r1"}' --event Nope"#,
    );
    talk.expect(&expect![[r#"
        $ guidepost simulate order.yaml --json --input '{"items":[]}' --event 'Pay={"amount":5}' --done 'Charging={"receipt":"r1"}' --event Nope
        {"input":{"start":{"items":[]}},"active":["Cart"],"leaves":["Cart"],"status":"running","data":{"items":[]},"legal":["Pay"],"next":[{"event":"Pay","state":"Cart","arguments":[{"name":"amount","type":"number","required":true}],"targets":["Charging","Free"],"is_guarded":true}],"rev":2,"taken":["enter Cart"],"log":[],"problems":[]}
        {"input":{"event":"Pay","data":{"amount":5}},"active":["Charging"],"leaves":["Charging"],"status":"running","data":{"items":[]},"legal":["done","failed"],"next":[{"event":"done","state":"Charging","arguments":[{"name":"receipt","type":"string","required":true}],"targets":["Shipping"]},{"event":"failed","state":"Charging","arguments":[{"name":"reason","type":"string","required":true}],"targets":["Cart"]}],"rev":3,"taken":["Pay: Cart -> Charging"],"log":[],"problems":[]}
        {"input":{"done":"Charging","output":{"receipt":"r1"}},"active":["Shipping","Shipping.Parcel","Shipping.Parcel.Packing","Shipping.Mail","Shipping.Mail.Writing"],"leaves":["Shipping.Parcel.Packing","Shipping.Mail.Writing"],"status":"running","data":{"items":[],"receipt":"r1"},"legal":["Packed","Sent"],"next":[{"event":"Packed","state":"Shipping.Parcel.Packing","arguments":[],"targets":["Shipping.Parcel.Done"]},{"event":"Sent","state":"Shipping.Mail.Writing","arguments":[],"targets":["Shipping.Mail.Done"]}],"rev":4,"taken":["done: Charging -> Shipping.Parcel.Packing, Shipping.Mail.Writing"],"log":[],"problems":[]}
        {"input":{"event":"Nope"},"active":["Shipping","Shipping.Parcel","Shipping.Parcel.Packing","Shipping.Mail","Shipping.Mail.Writing"],"leaves":["Shipping.Parcel.Packing","Shipping.Mail.Writing"],"status":"running","data":{"items":[],"receipt":"r1"},"legal":["Packed","Sent"],"next":[{"event":"Packed","state":"Shipping.Parcel.Packing","arguments":[],"targets":["Shipping.Parcel.Done"]},{"event":"Sent","state":"Shipping.Mail.Writing","arguments":[],"targets":["Shipping.Mail.Done"]}],"rev":4,"taken":[],"log":[],"problems":[],"rejected":{"code":"GP0201","message":"`Nope` is not legal in `Shipping.Parcel.Packing`, `Shipping.Mail.Writing`","hint":"legal now: Packed, Sent"}}
        exit 2

    "#]]);
}

#[test]
fn guards_that_have_only_a_name_get_their_answers_here() {
    let mut talk = Conversation::new();
    talk.file(
        "m.json",
        r#"{"id":"m","initial":"a","states":{"a":{"on":{"GO":{"target":"b","guard":"isReady"}}},"b":{}}}"#,
    );
    talk.type_("simulate m.json --event GO")
        .type_("simulate m.json --guard isReady=true --event GO")
        .type_("simulate m.json --guard isReady=false --event GO --guard isReady=true --event GO --json")
        .type_("simulate m.json --guard isRedy=true");
    talk.expect(&expect![[r#"
        $ guidepost simulate m.json --event GO
        start
          enter a
          note: the guard `isReady` has only a name, so it is taken to be false; --guard isReady=true changes that
          in: a
          active: a
          status: running, rev 2
          data: {}
          legal: nothing

        event GO
          not done: `GO` is not legal in `a` as things are: no guard of its transitions holds [GP0202]
            isReady
          hint: no event is legal now
          in: a
          active: a
          status: running, rev 2
          data: {}
          legal: nothing
        exit 2

        $ guidepost simulate m.json --guard isReady=true --event GO
        start
          enter a
          in: a
          active: a
          status: running, rev 2
          data: {}
          legal: GO

        event GO
          GO: a -> b
          in: b
          active: b
          status: running, rev 3
          data: {}
          legal: nothing

        $ guidepost simulate m.json --guard isReady=false --event GO --guard isReady=true --event GO --json
        {"input":{"start":{}},"active":["a"],"leaves":["a"],"status":"running","data":{},"legal":[],"next":[],"rev":2,"taken":["enter a"],"log":[],"problems":[]}
        {"input":{"event":"GO"},"active":["a"],"leaves":["a"],"status":"running","data":{},"legal":[],"next":[],"rev":2,"taken":[],"log":[],"problems":[],"rejected":{"code":"GP0202","message":"`GO` is not legal in `a` as things are: no guard of its transitions holds","hint":"no event is legal now","guards":["isReady"]}}
        {"input":{"event":"GO"},"active":["b"],"leaves":["b"],"status":"running","data":{},"legal":[],"next":[],"rev":3,"taken":["GO: a -> b"],"log":[],"problems":[]}
        exit 2

        $ guidepost simulate m.json --guard isRedy=true
        ! error[GP0407]: the workflow has no guard `isRedy` without a definition
        ! hint: did you mean `isReady`?
        exit 64

    "#]]);
}

#[test]
fn a_start_that_does_not_fit_is_refused_with_every_problem() {
    let mut talk = Conversation::new();
    talk.file("order.yaml", ORDER);
    talk.type_(r#"simulate order.yaml --input '{"item":1}'"#);
    talk.expect(&expect![[r#"
        $ guidepost simulate order.yaml --input '{"item":1}'
        start {"item":1}
          not done: the run cannot start with this data [GP0210]
            item is no attribute of the workflow; did you mean `items`?
          note: `items` is missing, and a run could not start without it; --input '{"items": …}' gives it
        exit 64

    "#]]);
}
