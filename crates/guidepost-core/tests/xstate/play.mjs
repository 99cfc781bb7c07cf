// Plays machines with XState, for comparison: a JSON line {machine, inputs} in, a JSON line of states out.
// The package is looked up beside this process's working directory, where the caller installed it.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { createActor, createMachine, assign, raise, SimulatedClock } =
  createRequire(`${process.cwd()}/`)("xstate");

const implementations = {
  guards: {
    small: ({ context }) => context.n < 5,
    even: ({ context }) => context.n % 2 === 0,
    third: ({ context }) => context.n % 3 === 1,
    big: ({ event }) => event.x > 1,
  },
  actions: {
    count: assign({ n: ({ context }) => context.n + 1 }),
    raiseA: raise({ type: "A", x: 2 }),
    raiseB: raise({ type: "B", x: 2 }),
    raiseC: raise({ type: "C", x: 2 }),
  },
};

function observed(actor) {
  const snapshot = actor.getSnapshot();
  const active = snapshot._nodes.map((node) => node.path.join(".")).filter((path) => path !== "");
  return { active: active.sort(), n: snapshot.context.n, done: snapshot.status === "done" };
}

// Whether every active compound state has one active child, and every active parallel state all of its regions.
function isLegal(nodes) {
  const set = new Set(nodes);
  return nodes.length > 0 && nodes.every((node) => {
    const children = Object.values(node.states).filter((child) => child.type !== "history");
    const active = children.filter((child) => set.has(child)).length;
    const wanted = { compound: 1, parallel: children.length }[node.type] ?? 0;
    return active === wanted && (!node.parent || set.has(node.parent));
  });
}

function play({ machine, inputs }) {
  const { guards, actions, ...config } = machine;
  const seen = [];
  const clock = new SimulatedClock();
  let failure;
  const bounded = createMachine({ ...config, options: { maxIterations: 1000 } }, implementations);
  const actor = createActor(bounded, { clock });
  actor.subscribe({ error: (error) => { failure = error; } });
  actor.start();
  if (failure) return [{ livelock: true }];
  seen.push(observed(actor));
  for (const input of inputs) {
    // The simulated clock jumps before it fires, so it goes in steps no larger than the delays' common measure.
    if (typeof input === "number") for (let ms = 0; ms < input; ms += 1000) clock.increment(1000);
    else actor.send({ type: input, x: 2 });
    if (failure) {
      seen.push({ livelock: true });
      break;
    }
    if (!isLegal(actor.getSnapshot()._nodes)) {
      seen.push({ illegal: true });
      break;
    }
    seen.push(observed(actor));
  }
  return seen;
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(play(JSON.parse(line))));
}
