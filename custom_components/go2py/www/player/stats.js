// @ts-check
/** Numbers of a running way, and what they mean from one second to the next. Nothing is guessed without saying so. */

/**
 * @typedef {object} Sample
 * @property {number} at seconds
 * @property {"webrtc" | "mse" | "stills"} way
 * @property {string} [path] protocol and kind of the network path
 * @property {string} codec
 * @property {string} [audioCodec]
 * @property {number} width
 * @property {number} height
 * @property {number} bytes
 * @property {number} frames decoded
 * @property {number} dropped
 * @property {number} [lost]
 * @property {number} [received]
 * @property {number} [repaired]
 * @property {number} [freezes]
 * @property {string} [decoder]
 * @property {number} [played] wall clock of the gateway at which the shown picture reached it, seconds
 * @property {{network?: number, buffer?: number, decode?: number, gateway?: number}} parts seconds
 * @property {{jitter: number, emitted: number, decode: number, decoded: number}} [sums]
 */

/** Seconds between 1900, where NTP counts from, and 1970. */
const NTP = 2208988800;

/** @param {RTCPeerConnection} peer @returns {Promise<Sample>} */
export async function sampleWebrtc(peer) {
  const report = await peer.getStats();
  /** @type {any} */ let video = {};
  /** @type {any} */ let audio = {};
  /** @type {any} */ let transport = {};
  report.forEach((/** @type {any} */ entry) => {
    if (entry.type === "inbound-rtp" && entry.kind === "video") video = entry;
    else if (entry.type === "inbound-rtp" && entry.kind === "audio") audio = entry;
    else if (entry.type === "transport") transport = entry;
  });
  /** @type {any} */ let pair = report.get(transport.selectedCandidatePairId) ?? {};
  if (!pair.id) report.forEach((/** @type {any} */ entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded" && (pair = entry));
  const remote = report.get(pair.remoteCandidateId) ?? {};
  const codec = report.get(video.codecId) ?? {};
  return {
    at: performance.now() / 1000,
    way: "webrtc",
    path: remote.protocol ? `${remote.protocol.toUpperCase()}, ${remote.candidateType}` : undefined,
    codec: [codecName(codec.mimeType?.split("/")[1]), h264Profile(codec.sdpFmtpLine)].filter(Boolean).join(" "),
    audioCodec: codecName(report.get(audio.codecId)?.mimeType?.split("/")[1]),
    width: video.frameWidth ?? 0,
    height: video.frameHeight ?? 0,
    bytes: (video.bytesReceived ?? 0) + (audio.bytesReceived ?? 0),
    frames: video.framesDecoded ?? 0,
    dropped: video.framesDropped ?? 0,
    lost: video.packetsLost,
    received: video.packetsReceived,
    repaired: video.retransmittedPacketsReceived,
    freezes: video.freezeCount,
    decoder: video.decoderImplementation,
    // the gateway's sender reports tie its clock to the picture being shown
    played: video.estimatedPlayoutTimestamp ? video.estimatedPlayoutTimestamp / 1000 - NTP + (performance.timeOrigin + performance.now() - video.timestamp) / 1000 : undefined,
    parts: { network: pair.currentRoundTripTime === undefined ? undefined : pair.currentRoundTripTime / 2 },
    sums: {
      jitter: video.jitterBufferDelay ?? 0,
      emitted: video.jitterBufferEmittedCount ?? 0,
      decode: video.totalDecodeTime ?? 0,
      decoded: video.framesDecoded ?? 0,
    },
  };
}

/** @type {Record<string, string>} */
const NAMES = { h264: "H.264", h265: "H.265", opus: "Opus", avc1: "H.264", hvc1: "H.265", hev1: "H.265", mp4a: "AAC", flac: "FLAC" };

/** A codec's usual name, from that of RTP or from an MP4 codec string. @param {string | undefined} text */
export function codecName(text) {
  if (!text) return undefined;
  const [kind, rest] = text.split(".");
  const level = kind === "avc1" ? ` ${h264Profile(`profile-level-id=${rest}`)}` : "";
  return (NAMES[kind.toLowerCase()] ?? kind) + level;
}

/** Profile and level from an H.264 `fmtp` line, e.g. "Main 4.0". @param {string | undefined} line */
function h264Profile(line) {
  const found = /profile-level-id=([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(line ?? "");
  if (!found) return "";
  const name = { 0x42: "Baseline", 0x4d: "Main", 0x58: "Extended", 0x64: "High" }[parseInt(found[1], 16)];
  return name ? `${name} ${(parseInt(found[3], 16) / 10).toFixed(1)}` : "";
}

/** Pictures are tied to the gateway's clock by a line through its reports: it takes so many seconds to lie still. */
const SETTLE = 10;
const MEDIAN_OF = 5;

/** The delay from the gateway to the screen, from noisy single measurements. */
export class DelayMeter {
  constructor() {
    /** @type {number | null} */
    this.begun = null;
    /** @type {number[]} */
    this.recent = [];
  }

  /**
   * The median of the newest measurements; null while there is none to rely on.
   * @param {Sample} sample @param {number | null} clock what to add to our wall clock to get the gateway's, seconds
   */
  add(sample, clock) {
    this.begun ??= sample.at;
    if (sample.played === undefined || clock === null || sample.at - this.begun < SETTLE) return null;
    this.recent = [...this.recent, Date.now() / 1000 + clock - sample.played].slice(-MEDIAN_OF);
    return [...this.recent].sort((a, b) => a - b)[this.recent.length >> 1];
  }
}

/**
 * @typedef {object} Measured
 * @property {number} [delay] seconds
 * @property {boolean} whole whether `delay` runs from the gateway to the screen; else it is the sum of what is known
 * @property {{network?: number, buffer?: number, decode?: number, gateway?: number}} parts
 * @property {number} fps
 * @property {number} bits a second
 * @property {number} dropped in the last interval
 * @property {number} [lossShare] 0…1, of the last interval
 */

/**
 * What happened between two samples of the same way.
 * @param {Sample} old @param {Sample} now
 * @param {number | null} through what a `DelayMeter` says
 * @returns {Measured}
 */
export function measure(old, now, through) {
  const passed = Math.max(0.001, now.at - old.at);
  const parts = { ...now.parts };
  if (now.sums && old.sums) {
    const emitted = now.sums.emitted - old.sums.emitted;
    const decoded = now.sums.decoded - old.sums.decoded;
    if (emitted > 0) parts.buffer = (now.sums.jitter - old.sums.jitter) / emitted;
    if (decoded > 0) parts.decode = (now.sums.decode - old.sums.decode) / decoded;
  }
  const known = Object.values(parts).filter((part) => part !== undefined);
  const sum = known.length ? known.reduce((a, b) => a + b, 0) : undefined;
  // two ways of measuring: one that says much less than the parts we saw is wrong
  const whole = through !== null && through >= (sum ?? 0) - 0.02 && through < 30;
  const received = (now.received ?? 0) - (old.received ?? 0);
  const lost = Math.max(0, (now.lost ?? 0) - (old.lost ?? 0));
  return {
    delay: whole ? Math.max(through, sum ?? 0) : sum,
    whole,
    parts,
    fps: Math.max(0, (now.frames - old.frames) / passed),
    dropped: Math.max(0, now.dropped - old.dropped),
    bits: Math.max(0, ((now.bytes - old.bytes) * 8) / passed),
    lossShare: received + lost > 0 ? lost / (received + lost) : undefined,
  };
}
