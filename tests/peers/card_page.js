// A page with the card in it and as much of Home Assistant as that needs, on the origin of a real gateway: what Home
// Assistant passes to the gateway is passed here. Run by test_card_chromium.py.

/** Home Assistant's offer, answer and candidates over a socket of the gateway, as the integration does. */
function offer(message, heard) {
  const socket = new WebSocket(`ws://${location.host}/api/ws?src=${message.entity_id.split(".")[1]}`);
  const session = `session ${Math.random()}`;
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "webrtc", value: { type: "offer", sdp: message.offer, talk: true } }));
    heard({ type: "session", session_id: session });
  };
  socket.onmessage = ({ data }) => {
    const { type, value } = JSON.parse(data);
    if (type === "webrtc") heard({ type: "answer", answer: value.sdp });
    else if (type === "webrtc/candidate") heard({ type: "candidate", candidate: { candidate: value } });
    else if (type === "talk") heard({ type: "talk", value });
    else if (type === "error") heard({ type: "error", message: value });
  };
  return { session, socket };
}

/** The `hass` object of a card; `options.view` is what the integration says of every camera. */
export function makeHass(options = {}) {
  const offers = [];
  const views = [];
  const hass = {
    sent: [],
    connected: true,
    locale: { language: options.language ?? "en" },
    entities: { "camera.other": { platform: "generic" }, "camera.door": { platform: "go2py" }, "camera.yard": { platform: "go2py" } },
    states: {},
    hassUrl: (path) => new URL(path, location.href).href,
    callService: (...what) => hass.sent.push({ type: "action", what }),
    /** The integration says something else now. */
    tell: (view) => views.forEach(({ heard }) => heard({ ...options.view, ...view })),
    async callWS(message) {
      hass.sent.push(message);
      if (message.type === "camera/webrtc/get_client_config") return { configuration: {} };
      if (message.type === "auth/sign_path") return { path: `/api/ws?src=${message.path.split("camera.").pop()}` };
      if (message.type === "camera/webrtc/candidate")
        offers.find((one) => one.session === message.session_id)?.socket.send(JSON.stringify({ type: "webrtc/candidate", value: message.candidate.candidate }));
      return null;
    },
    connection: {
      async subscribeMessage(heard, message) {
        hass.sent.push(message);
        if (message.type === "camera/webrtc/offer") {
          const one = offer(message, heard);
          offers.push(one);
          return async () => one.socket.close();
        }
        if (message.entity_id === "camera.other") throw { code: "not_found", message: "no camera of go2py" };
        const one = { heard };
        views.push(one);
        queueMicrotask(() => heard({ state: "live", reason: "", code: "", sound: true, talk: null, ...options.view }));
        return async () => void views.splice(views.indexOf(one), 1);
      },
    },
  };
  for (const id of Object.keys(hass.entities)) {
    const name = id.split(".")[1];
    hass.states[id] = { state: "idle", attributes: { friendly_name: options.names?.[id] ?? name, entity_picture: `/api/frame.jpeg?src=${name}` } };
  }
  return hass;
}

/** Put a card on the page. */
export async function show(config, options = {}) {
  const { Go2pyCamera } = await import("/card/card.js");
  if (!customElements.get("ha-card")) customElements.define("ha-card", class extends HTMLElement {});
  const card = document.createElement("go2py-camera");
  card.setConfig(config);
  card.preview = options.preview ?? false;
  card.hass = window.hass = makeHass(options);
  document.body.append(card);
  window.card = card;
  return Go2pyCamera;
}
