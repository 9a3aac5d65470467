// The player's state machine, driven by hand: time is an argument. Run by test_pages_machine.py in a browser.
import { Machine, TIMES } from "/player/machine.js";

export const tests = {};
const test = (name, body) => (tests[name] = body);

const ALL = ["webrtc", "mse", "stills"];
const start = (modes = ALL) => {
  const machine = new Machine(modes, { random: () => 0.5 });
  machine.start(0);
  return machine;
};
const done = (machine) => machine.take().map((command) => `${command.do} ${command.mode}`);
const equal = (found, wanted) => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
};
/** Let time pass in steps of a player, with pictures of a mode now and then. */
const pass = (machine, from, to, { mode, every = 0.04, audio = false } = {}) => {
  let due = from;
  for (let now = from; now <= to; now += 0.02) {
    if (mode && now >= due) {
      machine.frame(mode, now, audio);
      due += every;
    }
    machine.tick(now);
  }
};

test("WebRTC begins, MSE follows beside it", () => {
  const machine = start();
  equal(done(machine), ["open webrtc"]);
  machine.tick(TIMES.second - 0.1);
  equal(done(machine), []);
  machine.tick(TIMES.second);
  equal(done(machine), ["open mse"]);
});

test("a connected WebRTC is not raced", () => {
  const machine = start();
  machine.connected("webrtc", 0.3);
  machine.tick(TIMES.second + 1);
  equal(done(machine), ["open webrtc"]);
});

test("the first to paint is shown, the better one takes over", () => {
  const machine = start();
  machine.tick(1.5);
  machine.frame("mse", 2);
  machine.frame("webrtc", 3);
  equal(done(machine), ["open webrtc", "open mse", "show mse", "show webrtc", "close mse"]);
  equal(machine.view(3).phase, "live");
});

test("a silent WebRTC does not take the sound away", () => {
  const machine = start();
  machine.tick(1.5);
  machine.frame("mse", 2, true);
  machine.frame("webrtc", 3, false);
  equal(machine.view(3).mode, "mse");
  equal(machine.view(3).reasons, { webrtc: "silent" });
});

test("who asks for sound gets the way that has it, without losing the picture", () => {
  const machine = start();
  machine.frame("webrtc", 0.5);
  done(machine);
  machine.prefer("mse", 1);
  equal(done(machine), ["open mse"]);
  machine.frame("mse", 1.5, true);
  equal(done(machine), ["show mse", "close webrtc"]);
});

test("stills come after eight seconds and the others are tried on", () => {
  const machine = start();
  machine.tick(1.5);
  machine.camera("connecting", "", 2);
  machine.tick(TIMES.stills);
  equal(done(machine), ["open webrtc", "open mse", "open stills"]);
  machine.frame("stills", 9);
  equal(machine.view(9).phase, "stills");
  machine.frame("webrtc", 10);
  equal(done(machine), ["show stills", "show webrtc", "close stills", "close mse"]);
});

test("stills come at once when nothing else is possible", () => {
  const machine = start();
  machine.failed("webrtc", "no-codec", 0.2);
  machine.failed("mse", "no-codec", 0.4);
  equal(done(machine), ["open webrtc", "close webrtc", "open mse", "close mse", "open stills"]);
});

test("without a first picture a way is given up and tried again", () => {
  const machine = start(["mse"]);
  pass(machine, 0, TIMES.firstFrame + 1.5);
  equal(done(machine), ["open mse", "close mse", "open mse"]);
  equal(machine.view(7).reasons, { mse: "unconnected" });
});

test("a stall is nudged, then rebuilt; the last picture is what stays", () => {
  const machine = start();
  pass(machine, 0.5, 5, { mode: "webrtc" });
  done(machine);
  machine.tick(7.2);
  equal(done(machine), ["nudge webrtc"]);
  equal(machine.view(7.2).phase, "stalled");
  machine.tick(9.2);
  equal(done(machine).slice(0, 2), ["close webrtc", "open mse"]);
  equal(machine.view(9.5).phase, "reconnecting");
});

test("a picture in ten seconds is no stall", () => {
  const machine = start();
  pass(machine, 0.5, 100, { mode: "webrtc", every: 3 });
  done(machine);
  pass(machine, 100, 109, {});
  equal(done(machine), []);
  equal(machine.view(109).phase, "live");
});

test("a camera that is gone is waited for on the same way", () => {
  const machine = start();
  pass(machine, 0.5, 5, { mode: "webrtc" });
  done(machine);
  machine.camera("waiting", "192.0.2.7 does not answer", 6);
  pass(machine, 6, 60);
  equal(done(machine).filter((one) => one !== "nudge webrtc"), []);
  equal(machine.view(60).phase, "offline");
  equal(machine.view(60).why, "192.0.2.7 does not answer");
  machine.camera("connecting", "", 60);
  equal(machine.view(60).why, "192.0.2.7 does not answer");
  machine.camera("live", "", 61);
  machine.tick(61.1);
  machine.frame("webrtc", 61.5);
  equal(done(machine), []);
  equal(machine.view(61.6).phase, "live");
});

test("the gateway's return ends every wait", () => {
  const machine = start();
  pass(machine, 0.5, 5, { mode: "webrtc" });
  machine.reachable(false, 5.1);
  equal(machine.view(6).phase, "live");
  equal(machine.view(8).phase, "gateway");
  machine.failed("webrtc", "lost", 8);
  machine.failed("mse", "gateway", 8.1);
  for (let now = 9; now < 60; now += 0.25) {
    machine.tick(now);
    for (const { do: what, mode } of machine.take()) if (what === "open") machine.failed(mode, "gateway", now);
  }
  machine.reachable(true, 60);
  equal(done(machine)[0], "open webrtc");
});

test("the back-off grows and is forgotten after a steady time", () => {
  const waits = [];
  const machine = start(["mse"]);
  let now = 0;
  let last = null;
  for (; waits.length < 7; now += 0.05) {
    machine.tick(now);
    for (const { do: what } of machine.take()) {
      if (what !== "open") continue;
      if (last !== null) waits.push(Math.round((now - last) * 2) / 2);
      machine.failed("mse", "gateway", now);
      last = now;
    }
  }
  equal(waits, [0.5, 1, 2, 4, 8, 15, 15]);
  now += 15;
  machine.tick(now);
  pass(machine, now, now + TIMES.steady + 2, { mode: "mse" });
  done(machine);
  machine.failed("mse", "media", now + TIMES.steady + 2);
  machine.tick(now + TIMES.steady + 2.6);
  equal(done(machine), ["close mse", "open mse"]);
});

test("after a fallback the better way is tried ever more rarely", () => {
  const machine = start();
  machine.failed("webrtc", "unconnected", 0.5);
  pass(machine, 0.6, 0.7, { mode: "mse" });
  done(machine);
  const opened = [];
  let due = 0.7;
  for (let now = 0.7; now < 500; now += 0.25) {
    for (; due < now; due += 0.04) machine.frame("mse", due);
    machine.tick(now);
    for (const { do: what, mode } of machine.take())
      if (what === "open" && mode === "webrtc") {
        opened.push(Math.round(now / 5) * 5);
        machine.failed("webrtc", "unconnected", now);
      }
  }
  equal(opened, [10, 20, 50, 110, 410]);
});

test("one way alone is opened at once", () => {
  equal(done(start(["stills"])), ["open stills"]);
  equal(done(start(["mse", "stills"])), ["open mse"]);
});

test("stop closes all, and time opens nothing any more", () => {
  const machine = start();
  machine.frame("webrtc", 0.5);
  done(machine);
  machine.stop();
  pass(machine, 1, 30);
  equal(done(machine), ["close webrtc"]);
  equal(machine.view(30).phase, "paused");
  machine.start(31);
  equal(done(machine), ["open webrtc"]);
});

test("an unknown name is said so", () => {
  const machine = start();
  machine.failed("webrtc", "missing", 0.1);
  machine.failed("mse", "missing", 0.2);
  machine.failed("stills", "missing", 0.3);
  equal(machine.view(0.4).phase, "missing");
});

test("old stills are not called fresh", () => {
  const machine = start(["stills"]);
  machine.frame("stills", 1);
  equal(machine.view(2).phase, "stills");
  machine.camera("waiting", "gone", 3);
  equal(machine.view(9).phase, "offline");
});
