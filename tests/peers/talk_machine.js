// The state machine of talk, driven by hand: time is an argument. Run by test_pages_machine.py in a browser.
import { TalkMachine, TIMES } from "/player/talk/machine.js";

export const tests = {};
const test = (name, body) => (tests[name] = body);
const equal = (found, wanted) => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
};
const done = (machine) => machine.take().join(" ");
/** One that has been opened and is silent. */
const ready = () => {
  const machine = new TalkMachine();
  machine.press(0, "hold");
  machine.opened(1);
  machine.release(2);
  machine.take();
  return machine;
};

test("nothing is open before the first press", () => {
  const machine = new TalkMachine();
  machine.tick(100);
  equal(done(machine), "");
});

test("who still holds when the microphone is open is heard until they let go", () => {
  const machine = new TalkMachine();
  machine.press(0, "hold");
  equal([done(machine), machine.phase], ["open", "opening"]);
  machine.opened(3);
  equal([done(machine), machine.phase], ["send", "talking"]);
  machine.release(5);
  equal([done(machine), machine.phase], ["silence", "idle"]);
});

test("who let go while the browser asked is not heard, and told that it works now", () => {
  const machine = new TalkMachine();
  machine.press(0, "hold");
  machine.release(1);
  machine.opened(2);
  equal([done(machine), machine.phase], ["open", "ready"]);
  machine.press(3, "hold");
  equal(done(machine), "send");
});

test("the microphone is closed some seconds after the last word", () => {
  const machine = ready();
  machine.tick(2 + TIMES.release - 0.1);
  equal(done(machine), "");
  machine.tick(2 + TIMES.release);
  equal([done(machine), machine.open], ["close", false]);
});

test("a click speaks hands free until the next", () => {
  const machine = ready();
  machine.press(3, "auto");
  machine.release(3.1);
  equal([done(machine), machine.locked], ["send", true]);
  machine.press(6, "auto");
  machine.release(6.1);
  equal([done(machine), machine.wanted], ["silence", false]);
});

test("a long press of the same button is no click", () => {
  const machine = ready();
  machine.press(3, "auto");
  machine.release(3 + TIMES.hold);
  equal([done(machine), machine.wanted], ["send silence", false]);
});

test("two presses keep a hold button open", () => {
  const machine = ready();
  machine.press(3, "hold");
  machine.release(3.1);
  machine.press(3.3, "hold");
  machine.release(3.4);
  equal([done(machine), machine.locked], ["send silence send", true]);
});

test("hands free ends when nobody says anything", () => {
  const machine = ready();
  machine.toggle(3);
  for (let now = 3; now < 50; now += 0.25) machine.tick(now, 0.6);
  equal(machine.locked, true);
  machine.tick(50 + TIMES.quiet, 0.1);
  equal([done(machine), machine.phase, machine.reason], ["send silence", "refused", "quiet"]);
});

test("leaving is silence and a closed microphone, whatever was going on", () => {
  for (const begin of [(one) => one.press(3, "hold"), (one) => one.toggle(3)]) {
    const machine = ready();
    begin(machine);
    machine.end(4);
    equal([done(machine), machine.wanted, machine.phase], ["send silence close", false, "idle"]);
  }
  const opening = new TalkMachine();
  opening.press(0, "hold");
  opening.end(1);
  opening.opened(2);
  equal(done(opening), "open close");
});

test("a refusal is to be read for a while, and the next press tries again", () => {
  const machine = new TalkMachine();
  machine.press(0, "hold");
  machine.failed("denied", 1);
  equal([machine.phase, machine.reason, done(machine)], ["refused", "denied", "open close"]);
  machine.release(1.5);
  machine.tick(2);
  equal(machine.phase, "refused");
  machine.tick(1 + TIMES.notice);
  equal(machine.phase, "idle");
  machine.press(20, "hold");
  equal(done(machine), "open");
});

test("busy is said and ends when the other one stops", () => {
  const machine = ready();
  machine.press(3, "hold");
  machine.heard({ state: "busy", by: "hall" }, 3.2);
  equal([machine.phase, machine.by, machine.sending], ["busy", "hall", true]);
  machine.heard({ state: "talking" }, 5);
  equal(machine.phase, "talking");
});

test("hands free to a camera that refuses is ended, a hold goes on", () => {
  const held = ready();
  held.press(3, "hold");
  held.heard({ state: "refused", reason: "the camera is gone" }, 4);
  equal([held.sending, held.phase], [true, "refused"]);
  const free = ready();
  free.toggle(3);
  free.heard({ state: "refused", reason: "the camera is gone" }, 4);
  equal([free.sending, free.phase, free.reason], [false, "refused", "the camera is gone"]);
});

test("what is said of a voice that is silent counts nothing", () => {
  const machine = ready();
  machine.heard({ state: "busy" }, 3);
  equal(machine.phase, "idle");
});
