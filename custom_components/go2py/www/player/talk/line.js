// @ts-check
/** A connection that only carries speech, for when the picture comes by another way than WebRTC. */
import { Peer } from "../peer.js";

const OPEN_MS = 8000;

export class Line {
  /** @param {import("../feed.js").Feed} feed @param {(status: import("../feed.js").TalkStatus) => void} talk @param {(reason: string) => void} lost */
  constructor(feed, talk, lost) {
    /** Fulfilled with what takes the microphone's track. @type {Promise<RTCRtpSender>} */
    this.ready = new Promise((done, failed) => {
      const timer = setTimeout(() => failed(new Error("unconnected")), OPEN_MS);
      this.peer = new Peer(
        feed,
        { audio: "sendonly" },
        {
          connected: () => {
            clearTimeout(timer);
            const sender = this.peer.transceiver("audio")?.sender;
            if (sender && this.peer.agreed("audio", "send")) done(sender);
            else failed(new Error("unsupported"));
          },
          talk,
          failed: (reason) => {
            clearTimeout(timer);
            failed(new Error(reason));
            lost(reason);
          },
        },
      );
    });
  }

  close() {
    this.peer.close();
  }
}
