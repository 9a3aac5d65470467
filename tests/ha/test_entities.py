"""Entities follow the gateway's events."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import ClientWebSocketResponse
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_state_change_event
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.go2py import conversation

from .conftest import entry_for, settle
from .fakes import FakeGateway


async def setup(hass: HomeAssistant, fake: FakeGateway, **cameras: tuple[str, ...]) -> MockConfigEntry:
    entry = entry_for(fake.url, cameras=cameras or {"door": ()})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


def state(hass: HomeAssistant, entity_id: str) -> State:
    found = hass.states.get(entity_id)
    assert found is not None
    return found


async def test_unavailable_with_the_reason_and_back(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    assert state(hass, "camera.door").state == "idle"
    assert state(hass, "binary_sensor.door_connectivity").state == "on"
    await fake.source_state("waiting", "camera: no answer", restarts=2, code="unreachable")
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    assert state(hass, "camera.door").attributes["reason"] == "unreachable"
    assert state(hass, "binary_sensor.door_connectivity").state == "off"
    assert state(hass, "binary_sensor.door_connectivity").attributes["reason"] == "camera: no answer"
    assert state(hass, "sensor.door_last_error").state == "camera: no answer"
    await fake.source_state("idle")
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert "reason" not in state(hass, "camera.door").attributes
    assert state(hass, "binary_sensor.door_connectivity").state == "off"  # nobody looked since
    await fake.source_state("live")
    await settle(hass, lambda: hass.states.is_state("binary_sensor.door_connectivity", "on"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_is_tried_again_and_again(
    hass: HomeAssistant, fake: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes once, whatever each attempt says, and Home Assistant's registry is left in peace."""
    entry = await setup(hass, fake)
    states: set[str] = set()

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        if (new := event.data["new_state"]) is not None:
            states.add(new.state)

    async_track_state_change_event(hass, "camera.door", note)
    for attempt in range(300):
        await fake.source_state("connecting", restarts=attempt)
        code = ("unreachable", "closed")[attempt % 2]
        await fake.source_state("waiting", f"attempt {attempt}", restarts=attempt, code=code)
    last = "attempt 299"
    await settle(hass, lambda: state(hass, "sensor.door_last_error").state == last)
    assert state(hass, "binary_sensor.door_connectivity").attributes["reason"] == last
    assert state(hass, "camera.door").attributes["reason"] == "unreachable"
    assert states == {STATE_UNAVAILABLE}
    for _ in range(120):  # a picture in between is no excuse
        await fake.source_state("live")
        await fake.source_state("waiting", "gone again", code="unreachable")
    await settle(hass, lambda: state(hass, "sensor.door_last_error").state == "gone again")
    await fake.source_state("live", restarts=1)
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert "reason" not in state(hass, "camera.door").attributes
    assert "too often" not in caplog.text
    await hass.config_entries.async_unload(entry.entry_id)


async def test_viewers(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    for number, name in ((7, "webrtc"), (8, "probe")):
        await fake.tell("reader.added", stream="door", reader=number, format=name, remote="")
    await settle(hass, lambda: hass.states.is_state("camera.door", "streaming"))
    assert state(hass, "sensor.door_viewers").state == "1"
    await fake.tell("reader.added", stream="unknown", reader=9, format="webrtc")
    await fake.tell("something.new", stream="door")
    await fake.tell("reader.removed", stream="door", reader=7, reason="")
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert state(hass, "sensor.door_viewers").state == "0"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_stream_that_the_gateway_lost(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    await fake.tell("stream.removed", stream="door")
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    await fake.tell("stream.added", stream="door", sources=[], readers=[])
    await settle(hass, lambda: not hass.states.is_state("sensor.door_viewers", STATE_UNAVAILABLE))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_gateway_leaves_and_returns(
    hass: HomeAssistant, fake: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await setup(hass, fake, door=("rtsp://u:p@camera/1",))
    fake.streams.clear()  # it forgets, too
    await fake.drop()
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert fake.streams == {"door": ["rtsp://u:p@camera/1"]}
    assert caplog.text.count("Gateway is back") == 1
    assert caplog.text.count("the gateway ended the connection") == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_the_password_changes_meanwhile(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    fake.password = "other"
    await fake.drop()
    await settle(hass, lambda: hass.config_entries.flow.async_progress_by_handler("go2py"))
    assert hass.states.is_state("camera.door", STATE_UNAVAILABLE)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("about", "state"),
    [
        ({"go2py": "0.0.9"}, ConfigEntryState.SETUP_ERROR),
        ({"version": "1.9.15"}, ConfigEntryState.SETUP_ERROR),
    ],
)
async def test_not_a_gateway_to_work_with(
    hass: HomeAssistant, fake: FakeGateway, about: Any, state: ConfigEntryState
) -> None:
    fake.about = about
    entry = entry_for(fake.url)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is state


@pytest.mark.parametrize("path", ["GET /api", "GET /api/events"])
async def test_setup_is_tried_again(hass: HomeAssistant, fake: FakeGateway, path: str) -> None:
    fake.refuse[path] = 503, ""
    entry = entry_for(fake.url)
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await hass.config_entries.async_unload(entry.entry_id)


async def test_codecs_and_rates(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    registry = er.async_get(hass)
    for entity_id in ("sensor.door_frame_rate", "sensor.door_bit_rate", "sensor.door_restarts"):
        assert (found := registry.async_get(entity_id)) is not None
        assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        registry.async_update_entity(entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.is_state("sensor.door_video_codec", STATE_UNKNOWN)
    video = {"codec": "H264", "width": 640, "height": 360, "fps": 25.0, "bit_rate": 2_500_000}
    await fake.media(video=video, audio={"codec": "PCMA", "sample_rate": 8000})
    await settle(hass, lambda: hass.states.is_state("sensor.door_video_codec", "H264"))
    assert state(hass, "sensor.door_audio_codec").state == "PCMA"
    assert state(hass, "sensor.door_resolution").state == "640×360"
    assert float(state(hass, "sensor.door_frame_rate").state) == 25
    assert float(state(hass, "sensor.door_bit_rate").state) == 2.5
    assert state(hass, "sensor.door_bit_rate").attributes["unit_of_measurement"] == "Mbit/s"
    assert state(hass, "sensor.door_restarts").state == "0"
    await fake.media(video={"codec": "H264", "width": 640, "height": 360})
    await settle(hass, lambda: hass.states.is_state("sensor.door_frame_rate", STATE_UNKNOWN))
    assert hass.states.is_state("sensor.door_audio_codec", STATE_UNKNOWN)
    assert state(hass, "sensor.door_resolution").state == "640×360"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_stills(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    assert (await async_get_image(hass, "camera.door")).content.startswith(b"\xff\xd8")
    assert fake.asked[-1] == "GET /api/frame.jpeg?src=door&cache=500ms"
    fake.refuse["GET /api/frame.jpeg"] = 500, "snapshot: no"
    assert (await async_get_image(hass, "camera.door")).content  # the one just taken
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, "camera.door", width=320, height=180)
    assert await async_get_stream_source(hass, "camera.door") == "rtsp://127.0.0.1:8554/door"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_no_rtsp(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.about["rtsp"] = None
    entry = await setup(hass, fake)
    assert await async_get_stream_source(hass, "camera.door") is None
    await hass.config_entries.async_unload(entry.entry_id)


async def test_devices(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake, door=(), yard=())
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    gateway = next(device for device in devices if device.name == "Gateway")
    cameras = [device for device in devices if device is not gateway]
    assert {device.name for device in cameras} == {"Door", "Yard"}
    assert {device.via_device_id for device in cameras} == {gateway.id}
    await hass.config_entries.async_unload(entry.entry_id)


async def test_removal_takes_our_streams_out(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.streams["own"] = ["rtsp://other"]
    entry = await setup(hass, fake, door=("rtsp://camera/1",), own=())
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert set(fake.streams) == {"own"}


async def test_a_source_that_the_gateway_does_not_take(
    hass: HomeAssistant, fake: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    fake.refuse["PUT /api/streams"] = 400, "streams: source not supported"
    entry = await setup(hass, fake, new=("foo://x",))
    await settle(hass, lambda: "does not take the camera new: source not supported" in caplog.text)
    assert hass.states.is_state("camera.new", STATE_UNAVAILABLE)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("event", [[], "text", {"type": "reader.added", "data": {"stream": "door"}}])
async def test_an_odd_event_is_survived(hass: HomeAssistant, fake: FakeGateway, event: Any) -> None:
    entry = await setup(hass, fake)
    for socket in tuple(fake.listeners):
        await socket.send_json(event)
    await fake.source_state("waiting", "camera: no answer")
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    await settle(hass, lambda: entry.runtime_data.connected and entry.runtime_data.data["door"].problem)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_change_while_the_gateway_is_away(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake, door=("rtsp://camera/1",))
    fake.refuse["PUT /api/streams"] = 503, ""
    subentry = next(iter(entry.subentries.values()))
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "sources": ["rtsp://camera/2"]})
    await settle(hass, lambda: any("PUT /api/streams" in line for line in fake.asked))
    assert fake.streams["door"] != ["rtsp://camera/2"]
    fake.refuse.clear()
    await fake.drop()
    await settle(hass, lambda: fake.streams["door"] == ["rtsp://camera/2"])
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_slow_gateway_is_asked_once_for_many(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    fake.picture = asyncio.Event()
    requests = [asyncio.create_task(async_get_image(hass, "camera.door", width=320, height=180)) for _ in range(5)]
    while not any("width=320" in line for line in fake.asked):
        await asyncio.sleep(0.01)
    fake.picture.set()
    assert len({(await request).content for request in requests}) == 1
    assert sum("width=320" in line for line in fake.asked) == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_gateway_that_fell_silent(
    hass: HomeAssistant, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conversation, "_SILENCE", 0.05)
    entry = await setup(hass, fake)
    (socket,) = fake.listeners
    await asyncio.sleep(0.3)  # several pings were answered
    assert socket in fake.listeners
    await socket.ping()
    monkeypatch.setattr(ClientWebSocketResponse, "ping", AsyncMock())
    await settle(hass, lambda: "the gateway fell silent" in caplog.text)
    await hass.config_entries.async_unload(entry.entry_id)
