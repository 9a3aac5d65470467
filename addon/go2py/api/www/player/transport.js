// @ts-check
/** What the three ways to a picture have in common. */

/**
 * What a way tells the player.
 * @typedef {object} Events
 * @property {() => void} connected
 * @property {() => void} frame a picture was presented
 * @property {(reason: string) => void} failed a key of `way.*` in the texts, or a sentence of the gateway
 * @property {(status: import("./feed.js").TalkStatus) => void} [talk] how it stands with what is said over this way
 */

/**
 * @typedef {object} Transport
 * @property {HTMLElement} element where it paints
 * @property {boolean} audio whether there is sound in it
 * @property {RTCRtpSender | null} [speech] what takes the microphone's track
 * @property {() => void} close
 * @property {() => void} nudge pictures stopped: do what may help without starting anew
 * @property {() => Promise<import("./stats.js").Sample>} sample what the statistics panel shows
 */

/** A `video` element that starts muted and without a gesture. */
export function makeVideo() {
  const video = document.createElement("video");
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = false;
  video.draggable = false;
  video.tabIndex = -1;
  video.setAttribute("aria-hidden", "true");
  return video;
}

/**
 * Call back for each presented picture, until the returned function is called.
 * @param {HTMLVideoElement} video @param {() => void} presented
 * @returns {() => void}
 */
export function watchFrames(video, presented) {
  if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) {
    let handle = 0;
    const next = () => {
      handle = video.requestVideoFrameCallback(() => {
        presented();
        next();
      });
    };
    next();
    return () => video.cancelVideoFrameCallback(handle);
  }
  let shown = 0;
  const timer = setInterval(() => {
    if (video.readyState < 2 || video.currentTime === shown) return;
    shown = video.currentTime;
    presented();
  }, 100);
  return () => clearInterval(timer);
}
