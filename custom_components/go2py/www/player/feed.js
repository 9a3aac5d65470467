// @ts-check
/** Where a player has its camera from: the gateway itself (`lib/feed.js`), or Home Assistant (the card's). */

/** @typedef {{state: "idle" | "opening" | "talking" | "busy" | "refused", reason?: string, level?: number, by?: string, packets?: number, codecs?: string[]}} TalkStatus */

/**
 * What the other side of a peer connection says.
 * @typedef {object} PeerListener
 * @property {(sdp: string) => void} answer
 * @property {(candidate: RTCIceCandidateInit) => void} candidate
 * @property {(status: TalkStatus) => void} talk how it stands with what this peer says
 * @property {(reason: string) => void} failed at most once
 */

/**
 * The way to it.
 * @typedef {object} PeerChannel
 * @property {(sdp: string) => void} offer
 * @property {(candidate: RTCIceCandidate | null) => void} candidate null after the last
 * @property {() => void} close
 */

/**
 * @typedef {object} Feed
 * @property {string} key names the camera in what is remembered
 * @property {string} label
 * @property {boolean | null} up whether the other side answers; null while that is not known
 * @property {number | null} clock what to add to our wall clock to get the gateway's, seconds
 * @property {() => ({state: string, reason: string, code?: string} | null)} state
 * @property {() => boolean} hasSound whether the camera sends any
 * @property {() => TalkStatus | null} talk null where the camera cannot be spoken to, or that is not known
 * @property {() => void} findTalk have it found out whether the camera can be spoken to
 * @property {(heard: (type: string) => void) => () => void} listen tells of any change, "up" and "down" among them
 * @property {() => void} retry
 * @property {() => Promise<void>} measureClock
 * @property {() => RTCConfiguration | Promise<RTCConfiguration>} rtcConfiguration
 * @property {(listener: PeerListener) => PeerChannel} peer
 * @property {(codecs: string, listener: import("./signalling.js").Listener) => {close: () => void}} media fragments for MSE
 * @property {(options?: {poster?: boolean}) => string} still address of the newest picture
 * @property {() => {href: string, name: string}} download a link that saves the newest picture; an empty name: the server has one
 */

export {};
