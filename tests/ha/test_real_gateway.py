"""With the gateway's real process: from an empty Home Assistant to a moving picture."""

import asyncio
import io
from http import HTTPStatus
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from PIL import Image
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from .conftest import PASSWORD, USERNAME, RealGateway, settle


async def test_from_nothing_to_a_picture(
    hass: HomeAssistant, gateway: RealGateway, hass_client: ClientSessionGenerator
) -> None:
    flow = await hass.config_entries.flow.async_init("go2py", context={"source": SOURCE_USER})
    await hass.config_entries.flow.async_configure(flow["flow_id"], {"next_step_id": "remote"})
    login = {CONF_URL: gateway.url, CONF_USERNAME: USERNAME, CONF_PASSWORD: PASSWORD, CONF_VERIFY_SSL: True}
    wrong = await hass.config_entries.flow.async_configure(flow["flow_id"], {**login, CONF_PASSWORD: "wrong"})
    assert wrong["errors"] == {"base": "invalid_auth"}
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], login)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    entry = done["result"]
    assert entry.state is ConfigEntryState.LOADED

    # the camera's form is opened by itself
    flow_id = done["next_flow"][1]
    menu = hass.config_entries.subentries.async_get(flow_id)
    assert menu["step_id"] == "user"
    await hass.config_entries.subentries.async_configure(flow_id, {"next_step_id": "address"})
    unreachable = await hass.config_entries.subentries.async_configure(flow_id, {"source": "rtsp://127.0.0.1:9/x"})
    assert unreachable["errors"] == {"base": "camera_unreachable"}
    nobody = await hass.config_entries.subentries.async_configure(flow_id, {"source": "127.0.0.1:9"})
    assert nobody["errors"] in ({"base": "camera_port_closed"}, {"base": "camera_no_stream"})
    found = await hass.config_entries.subentries.async_configure(flow_id, {"source": "demo:?size=320x240"})
    assert found["step_id"] == "confirm"
    shown = found["description_placeholders"]
    assert shown is not None
    assert shown["video"] == "H264 320×240"
    assert shown["audio"] == "OPUS/48000/2"
    assert "PCMA/8000" in shown["talk"]

    client = await hass_client()
    preview = await client.get(shown["preview"])
    assert preview.status == HTTPStatus.OK
    async with asyncio.timeout(20):
        assert b"image/jpeg" in await preview.content.read(200)
    preview.close()

    created = await hass.config_entries.subentries.async_configure(flow_id, {CONF_NAME: "Küche Süd"})
    assert created["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass, lambda: (state := hass.states.get("camera.kuche_sud")) and state.state == "idle")
    (subentry,) = entry.subentries.values()
    assert (subentry.data["stream"], subentry.data["sources"]) == ("kuche_sud", ["demo:?size=320x240"])

    picture = await async_get_image(hass, "camera.kuche_sud", width=160, height=120)
    assert Image.open(io.BytesIO(picture.content)).size == (160, 120)
    assert await async_get_stream_source(hass, "camera.kuche_sud") == (
        f"rtsp://{USERNAME}:correct%20horse@127.0.0.1:{gateway.rtsp_port}/kuche_sud"
    )
    await hass.config_entries.async_unload(entry.entry_id)


async def test_webrtc_plays(
    hass: HomeAssistant, real_entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    real_entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(real_entry.entry_id)
    await hass.async_block_till_done()
    client = await hass_ws_client()
    peer = RTCPeerConnection()
    pictures: asyncio.Queue[Any] = asyncio.Queue()
    peer.on("track", lambda track: pictures.put_nowait(track) if track.kind == "video" else None)
    peer.addTransceiver("audio", direction="recvonly")
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    await client.send_json_auto_id(
        {"type": "camera/webrtc/offer", "entity_id": "camera.demo", "offer": peer.localDescription.sdp}
    )
    ended = False
    async with asyncio.timeout(30):
        while not ended or peer.connectionState != "connected":
            message = await client.receive_json() if not ended else {}
            event = message.get("event", {})
            match event.get("type"):
                case "answer":
                    await peer.setRemoteDescription(RTCSessionDescription(event["answer"], "answer"))
                case "candidate" if line := event["candidate"]["candidate"]:
                    candidate = candidate_from_sdp(line.removeprefix("candidate:"))
                    candidate.sdpMid = "0"
                    await peer.addIceCandidate(candidate)
                case "candidate":
                    ended = True
                case "error":
                    pytest.fail(event["message"])
            await asyncio.sleep(0.05)
        frame = await (await pictures.get()).recv()
    assert (frame.width, frame.height) == (1280, 720)
    await settle(hass, lambda: (state := hass.states.get("camera.demo")) and state.state == "streaming")
    assert hass.states.is_state("binary_sensor.demo_connectivity", "on")
    assert hass.states.is_state("sensor.demo_viewers", "1")
    await peer.close()
    await settle(hass, lambda: (state := hass.states.get("camera.demo")) and state.state == "idle")
    assert await hass.config_entries.async_unload(real_entry.entry_id)
