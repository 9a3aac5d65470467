"""What goes wrong in real houses, and ends well without a restart by hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import unquote

import pytest
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.go2py import coordinator
from custom_components.go2py.cameras import free_stream

from .conftest import entry_for, settle
from .fakes import FakeGateway
from .test_entities import setup, state
from .test_help import issues


@pytest.fixture
async def other(hass: HomeAssistant) -> AsyncIterator[FakeGateway]:
    """A second gateway."""
    async with FakeGateway() as gateway:
        yield gateway


async def test_home_assistant_starts_first(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.refuse["GET /api"] = 503, ""
    entry = entry_for(fake.url, cameras={"door": ("rtsp://camera/1",)})
    entry.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert str(entry.state) == "ConfigEntryState.SETUP_RETRY"
    fake.refuse.clear()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=30))
    await settle(hass, lambda: entry.state is ConfigEntryState.LOADED)
    assert hass.states.is_state("camera.door", "idle")
    await hass.config_entries.async_unload(entry.entry_id)


async def test_away_for_an_hour(
    hass: HomeAssistant,
    fake: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line when it goes, one when it comes, no wilder asking the longer it takes."""
    monkeypatch.setattr(coordinator, "_BACK_OFF", (0, 0.01))
    entry = await setup(hass, fake)
    fake.refuse["GET /api/events"] = 503, ""
    await fake.drop()
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    for minutes in range(10, 61, 10):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
        await asyncio.sleep(0.02)
    await hass.async_block_till_done()
    assert not issues(hass)  # it is not the camera's fault
    assert state(hass, "sensor.door_viewers").state == STATE_UNAVAILABLE
    fake.refuse.clear()
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    assert caplog.text.count("the gateway ended the connection") == 1
    assert caplog.text.count("Gateway is back") == 1
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("when", ["setup", "later"])
async def test_a_gateway_that_is_newer(hass: HomeAssistant, fake: FakeGateway, when: str) -> None:
    if when == "setup":
        fake.schema = 2
        entry = entry_for(fake.url, cameras={"door": ()})
        entry.add_to_hass(hass)
        assert not await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_ERROR
        assert entry.error_reason_translation_key == "gateway_too_new"
        return
    entry = await setup(hass, fake)
    fake.schema = 2
    await fake.drop()
    await settle(hass, lambda: hass.states.is_state("camera.door", STATE_UNAVAILABLE))
    fake.schema = 1
    await settle(hass, lambda: hass.states.is_state("camera.door", "idle"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_gateway_that_tells_less(hass: HomeAssistant, fake: FakeGateway) -> None:
    """An older one: no schema, no facts, no state; and one that knows more types of events."""
    entry = await setup(hass, fake)
    (socket,) = fake.listeners
    streams = {"door": {"sources": [{"source": 1, "state": "live"}]}}
    await socket.send_json({"type": "snapshot", "data": {"streams": streams}})
    await fake.tell("stream.smell", stream="door", smell="coffee")
    await fake.tell("stream.state", stream="gone", state="off")
    await fake.tell("stream.media", stream="gone")
    await fake.source_state("live", restarts=3)
    await settle(hass, lambda: entry.runtime_data.data["door"].restarts == 3)
    assert state(hass, "sensor.door_video_codec").state == "unknown"
    assert state(hass, "camera.door").state == "idle"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_sixty_cameras(hass: HomeAssistant, fake: FakeGateway) -> None:
    """A house full: two requests for each stream, to make it and to ask whether it hears, and then none, as everything
    is told."""
    cameras = {f"cam{number}": (f"rtsp://camera{number}/1",) for number in range(60)}
    entry = await setup(hass, fake, **cameras)
    await settle(hass, lambda: set(cameras) <= set(entry.runtime_data.data))
    told = [line for line in fake.asked if line.startswith("PUT /api/streams?name=cam")]
    assert len(told) == fake.changes == 60
    await settle(hass, lambda: hass.states.is_state("camera.cam59", "idle"))
    assert len(hass.states.async_entity_ids("camera")) == 60
    await settle(hass, lambda: set(cameras) <= set(fake.enquiries))
    requests = fake.requests
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=4))
    await fake.source_state("live", restarts=1)
    await settle(hass, lambda: entry.runtime_data.data["cam7"].restarts == 1)
    assert fake.requests == requests
    await fake.drop()  # they are there when it comes back
    await settle(hass, lambda: not entry.runtime_data.connected)
    await settle(hass, lambda: hass.states.is_state("camera.cam59", "idle"))
    assert fake.changes == 60
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("name", ["Küche Süd", "a/b?c#d&e=f", "50% 天井"])
async def test_odd_names(hass: HomeAssistant, fake: FakeGateway, name: str) -> None:
    fake.streams = {name: ["rtsp://camera/1"]}
    entry = await setup(hass, fake, **{name: ()})
    (entity_id,) = hass.states.async_entity_ids("camera")
    assert (await async_get_image(hass, entity_id)).content
    assert name in unquote(fake.asked[-1].replace("+", " "))
    source = await async_get_stream_source(hass, entity_id)
    assert source is not None
    path = source.removeprefix("rtsp://127.0.0.1:8554/")
    assert unquote(path) == name
    assert not set(path) & set("?# ")
    await hass.services.async_call("camera", "turn_off", {"entity_id": entity_id}, blocking=True)
    assert fake.paused == {name}
    await hass.config_entries.async_unload(entry.entry_id)


async def test_two_houses_on_one_gateway(hass: HomeAssistant, fake: FakeGateway) -> None:
    """Nobody overwrites or removes what another Home Assistant made."""
    fake.streams |= {"front": ["rtsp://theirs/1"], "yard_sub": ["rtsp://theirs/2"]}
    theirs = {name: fake.streams[name] for name in ("front", "yard_sub")}
    entry = await setup(hass, fake, door=("rtsp://ours/1",))
    assert free_stream(entry, "Front") == "front_2"
    assert free_stream(entry, "Yard") == "yard_2"  # its small picture would be yard_sub
    assert free_stream(entry, "Door") == "door_2"
    await fake.tell("stream.added", stream="hall", sources=[], readers=[])  # just now
    await settle(hass, lambda: "hall" in entry.runtime_data.data)
    assert free_stream(entry, "Hall") == "hall_2"
    await hass.config_entries.async_remove(entry.entry_id)
    assert fake.streams == theirs


@pytest.mark.parametrize("expected_lingering_timers", [True])  # Home Assistant's own, of its web socket
async def test_stopped_while_somebody_watches(
    hass: HomeAssistant,
    fake: FakeGateway,
    hass_ws_client: WebSocketGenerator,
    hass_client: ClientSessionGenerator,
) -> None:
    await setup(hass, fake)
    socket, client = await hass_ws_client(), await hass_client()
    await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": "v=0"})
    moving = await client.get("/api/camera_proxy_stream/camera.door")
    await settle(hass, lambda: fake.viewers and fake.watching)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await hass.async_stop(force=True)
    await settle(hass, lambda: not fake.viewers and not fake.listeners)
    moving.close()
    await socket.close()
    await settle(hass, lambda: not fake.watching)


async def test_nothing_is_left_of_an_entry(
    hass: HomeAssistant,
    fake: FakeGateway,
    other: FakeGateway,
    hass_ws_client: WebSocketGenerator,
    hass_client: ClientSessionGenerator,
) -> None:
    entry, second = await setup(hass, fake), entry_for(other.url, cameras={"yard": ()})
    second.add_to_hass(hass)
    other.streams["yard"] = ["rtsp://camera/3"]
    assert await hass.config_entries.async_setup(second.entry_id)
    socket, client = await hass_ws_client(), await hass_client()
    await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": "v=0"})
    moving = await client.get("/api/camera_proxy_stream/camera.door")
    await settle(hass, lambda: fake.viewers and fake.watching and fake.listeners)
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert any(name.startswith("go2py") for name in tasks)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass, lambda: not (fake.viewers or fake.watching or fake.listeners))
    moving.close()
    assert hass.states.is_state("camera.yard", "idle")  # the other one noticed nothing
    assert other.listeners
    assert await hass.config_entries.async_unload(second.entry_id)
    await settle(hass, lambda: not other.listeners)
    await settle(hass, lambda: not [one for one in asyncio.all_tasks() if one.get_name().startswith("go2py")])


async def test_key_pictures_are_missing(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    late = {"codec": "H264", "key_overdue": True}
    await fake.media(video=late)
    await settle(hass, lambda: set(issues(hass).values()) == {"no_key_picture"})
    await fake.media(video={**late, "key_overdue": False})
    await settle(hass, lambda: not issues(hass))
    await fake.media(video=late)
    await settle(hass, lambda: issues(hass))
    await hass.services.async_call("camera", "turn_off", {"entity_id": "camera.door"}, blocking=True)
    await settle(hass, lambda: not issues(hass))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_h265_that_nobody_can_play(
    hass: HomeAssistant, fake: FakeGateway, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    entry = await setup(hass, fake)
    video = {"codec": "H265"}
    await fake.media(video=video)
    await settle(hass, lambda: hass.states.is_state("sensor.door_video_codec", "H265"))
    assert not issues(hass)  # nobody tried
    socket = await hass_ws_client()

    async def offer(codec: str) -> None:
        sdp = f"v=0\r\nm=video 9 RTP 97\r\na=rtpmap:97 {codec}/90000\r\n"
        await socket.send_json_auto_id({"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": sdp})
        while "success" not in await socket.receive_json():
            pass  # answers of the one before

    await offer("H264")
    await settle(hass, lambda: set(issues(hass).values()) == {"h265_not_playable"})
    await fake.media()  # nobody looks
    await settle(hass, lambda: hass.states.is_state("sensor.door_video_codec", "unknown"))
    assert issues(hass)
    await fake.media(video={"codec": "H264"})  # the advice was followed
    await settle(hass, lambda: not issues(hass))
    await fake.media(video=video)
    await settle(hass, lambda: issues(hass))
    await offer("H265")  # somebody has a better browser
    await settle(hass, lambda: not issues(hass))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_port_is_taken(hass: HomeAssistant, fake: FakeGateway) -> None:
    problem = "cannot listen on :8555 (Address already in use): another program has the port"
    fake.about["listeners"] = [
        {"name": "webrtc", "listen": ":8555", "problem": problem},
        {"name": "rtsp", "listen": ":8554", "problem": ""},
    ]
    entry = await setup(hass, fake)
    await settle(hass, lambda: issues(hass) == {f"port_taken_{entry.entry_id}_webrtc": "port_taken"})
    fake.about["listeners"] = []
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await settle(hass, lambda: not issues(hass))
    fake.refuse["GET /api"] = 503, ""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=12))
    await hass.async_block_till_done()
    assert entry.runtime_data.connected
    await hass.config_entries.async_unload(entry.entry_id)
