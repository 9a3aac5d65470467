"""Speaking to cameras: which of them hear, what they get then, and what plays into them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components import camera as camera_component
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.go2py import talkers
from custom_components.go2py.sounds import factor_of, name_of

from .conftest import entry_for, settle
from .fakes import FakeGateway
from .test_actions import guest
from .test_entities import setup, state

SPEAKER = "media_player.door_speaker"
needs_two_way = pytest.mark.skipif(
    not hasattr(camera_component, "CameraEntityCapabilities"), reason="Home Assistant knows it since 2026.11"
)


async def play(hass: HomeAssistant, media: str, entity_id: str = SPEAKER, **more: Any) -> None:
    data = {"entity_id": entity_id, "media_content_id": media, "media_content_type": "music", **more}
    await hass.services.async_call("media_player", "play_media", data, blocking=True)


async def act(hass: HomeAssistant, name: str, **data: Any) -> None:
    await hass.services.async_call("media_player", name, {"entity_id": SPEAKER, **data}, blocking=True)


async def audio(hass: HomeAssistant, *targets: str, **data: Any) -> Any:
    data["entity_id"] = list(targets)
    return await hass.services.async_call("go2py", "play_audio", data, blocking=True, return_response=True)


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway, tmp_path: Path) -> MockConfigEntry:
    """A camera that hears."""
    hass.config.media_dirs = {"local": str(tmp_path)}
    await hass.config.async_update(internal_url="http://192.0.2.1:8123")
    assert await async_setup_component(hass, "media_source", {})
    fake.hears["door"] = True
    entry = await setup(hass, fake)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    return entry


# --- who hears --------------------------------------------------------------------------------------------------------


async def test_asked_once_before_anybody_watches(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.hears["door"], fake.state = True, "idle"
    entry = await setup(hass, fake)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    await fake.source_state("live")
    await fake.source_state("idle")
    await fake.source_state("live")
    await settle(hass, lambda: entry.runtime_data.data["door"].live)
    assert fake.enquiries.count("door") == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_does_not_hear(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    await settle(hass, lambda: "door" in fake.enquiries)
    await fake.drop()  # it is asked again when the gateway is back
    await settle(hass, lambda: fake.enquiries.count("door") == 2)
    await settle(hass, lambda: not any(task.get_name() == "go2py talk of door" for task in asyncio.all_tasks()))
    assert hass.states.get(SPEAKER) is None
    assert entry.runtime_data.data.talk("door") is None
    await hass.config_entries.async_unload(entry.entry_id)


async def test_known_from_the_snapshot(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.talks[1] = {"state": "talking", "codecs": ["PCMA/8000"]}
    fake.plays["door"] = {"state": "playing", "title": "bell.wav", "position": 1.2, "duration": 3.0}
    entry = await setup(hass, fake)
    assert state(hass, SPEAKER).state == "playing"
    assert state(hass, SPEAKER).attributes["media_title"] == "bell.wav"
    assert not fake.enquiries
    await hass.config_entries.async_unload(entry.entry_id)


async def test_it_is_there_from_the_start_next_time(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    fake.state, fake.reason = "waiting", "camera: no answer"
    fake.talks.clear()
    await hass.config_entries.async_setup(entry.entry_id)
    assert state(hass, SPEAKER).state == STATE_UNAVAILABLE
    await fake.source_state("idle")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_hears_no_more_and_again(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    registry.async_update_entity(SPEAKER, name="Bell")
    fake.hears.clear()
    fake.talks.clear()
    await fake.drop()
    await settle(hass, lambda: hass.states.get(SPEAKER) is None)
    assert registry.async_get(SPEAKER) is None
    fake.hears["door"] = True
    await fake.drop()
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    found = registry.async_get(SPEAKER)
    assert found is not None
    assert found.name == "Bell"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_cannot_be_asked_is_asked_later(
    hass: HomeAssistant, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talkers, "_RETRY_SECONDS", 0.05)
    fake.refuse["GET /api/talk"] = 500, "streams: camera: no answer", "unreachable"
    fake.hears["door"] = True
    requests = fake.requests
    entry = await setup(hass, fake)
    await settle(hass, lambda: fake.requests > requests + 8)
    assert hass.states.get(SPEAKER) is None
    fake.refuse.clear()
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_could_not_be_asked_is_asked_when_it_brings_a_picture(
    hass: HomeAssistant, fake: FakeGateway
) -> None:
    fake.refuse["GET /api/talk"] = 500, "streams: camera: no answer", "unreachable"
    fake.hears["door"], fake.state, fake.reason = True, "waiting", "camera: no answer"
    requests = fake.requests
    entry = await setup(hass, fake)
    await settle(hass, lambda: fake.requests > requests)
    fake.refuse.clear()
    await fake.source_state("live")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    assert fake.enquiries.count("door") == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_asked_again_when_the_sources_changed_meanwhile(
    hass: HomeAssistant, fake: FakeGateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(talkers, "_RETRY_SECONDS", 0.2)
    fake.refuse["GET /api/talk"] = 500, "streams: camera: no answer", "unreachable"
    fake.hears["door"] = True
    caplog.set_level("DEBUG", logger="custom_components.go2py")
    entry = await setup(hass, fake)
    await settle(hass, lambda: "asked again later" in caplog.text)
    fake.numbers["door"] = 5
    fake.refuse.clear()
    described = fake._describe(fake.streams["door"], "door")
    await fake.tell("stream.changed", stream="door", **described)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    await asyncio.sleep(0.4)
    assert fake.enquiries.count("door") == 1
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_is_removed(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    (subentry,) = entry.subentries.values()
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await hass.async_block_till_done()
    assert hass.states.get(SPEAKER) is None
    await hass.config_entries.async_unload(entry.entry_id)


@needs_two_way
async def test_the_frontend_is_told(hass: HomeAssistant, fake: FakeGateway, hass_ws_client: WebSocketGenerator) -> None:
    assert await async_setup_component(hass, "labs", {})
    fake.hears["door"] = True
    entry = await setup(hass, fake, door=(), yard=())
    fake.numbers["yard"] = 2
    fake.streams["yard"] = ["rtsp://yard"]
    await fake.tell("stream.added", stream="yard", **fake._describe(fake.streams["yard"], "yard"))
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle") and "yard" in fake.enquiries)
    client = await hass_ws_client(hass)
    enable = {"domain": "camera", "preview_feature": "two_way_audio", "enabled": True}
    await client.send_json_auto_id({"type": "labs/update", **enable})
    assert (await client.receive_json())["success"]
    for entity_id, hears in (("camera.door", True), ("camera.yard", False)):
        await client.send_json_auto_id({"type": "camera/capabilities", "entity_id": entity_id})
        assert (await client.receive_json())["result"]["two_way_audio"] is hears
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_second_offer_with_sound_only(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """As Home Assistant's apps make beside that of the picture."""
    client = await hass_ws_client(hass)
    offers = "v=0\r\nm=video 9\r\na=rtpmap:96 H264/90000\r\n", "v=0\r\nm=audio 9\r\na=sendonly\r\n"
    subscriptions = []
    for offer in offers:
        message = {"type": "camera/webrtc/offer", "entity_id": "camera.door", "offer": offer}
        await client.send_json_auto_id(message)
        subscriptions.append((await client.receive_json())["id"])
        for kind in ("session", "answer"):
            assert (await client.receive_json())["event"]["type"] == kind
    assert [one["value"]["sdp"] for one in fake.said] == list(offers)
    assert len(fake.viewers) == 2
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": subscriptions[1]})
    await settle(hass, lambda: len(fake.viewers) == 1)
    assert entry.runtime_data.playable == {"H264"}
    await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass, lambda: not fake.viewers)


async def test_who_only_speaks_says_nothing_of_what_is_playable(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    entry.runtime_data.note_offer("door", "v=0\r\nm=audio 9\r\na=sendonly\r\n")
    assert not entry.runtime_data.wanted
    await hass.config_entries.async_unload(entry.entry_id)


# --- state and repair -------------------------------------------------------------------------------------------------


async def test_who_speaks(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    found = registry.async_get("sensor.door_talk")
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    registry.async_update_entity("sensor.door_talk", disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "sensor.door_talk").state == "idle"
    await fake.talk_state("talking", by="webrtc 192.0.2.9", level=0.1)
    await settle(hass, lambda: hass.states.is_state("sensor.door_talk", "talking"))
    assert state(hass, "sensor.door_talk").attributes["by"] == "webrtc 192.0.2.9"
    before = state(hass, "sensor.door_talk")
    for level in (0.2, 0.7, 0.4):
        await fake.talk_state("talking", by="webrtc 192.0.2.9", level=level)
    await settle(hass, lambda: (entry.runtime_data.data.talk("door") or {})["level"] == 0.4)
    assert state(hass, "sensor.door_talk").last_reported == before.last_reported
    await fake.talk_state("refused", "the camera: 453 Not Enough Bandwidth")
    await settle(hass, lambda: hass.states.is_state("sensor.door_talk", "refused"))
    assert state(hass, "sensor.door_talk").attributes["reason"] == "the camera: 453 Not Enough Bandwidth"
    await fake.talk_state("something new")
    await settle(hass, lambda: hass.states.is_state("sensor.door_talk", "unknown"))
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_refuses_again_and_again(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry
) -> None:
    (camera_id,) = entry.runtime_data.cameras
    issues, issue_id = ir.async_get(hass), f"talk_refused_{camera_id}"

    async def attempts(number: int) -> None:
        for level in range(number):
            for name in ("opening", "refused", "refused", "idle"):
                await fake.talk_state(name, "the camera's line is taken" if name == "refused" else "", level=level)
        await settle(hass, lambda: (entry.runtime_data.data.talk("door") or {})["level"] == number - 1)

    await attempts(2)
    await fake.talk_state("talking")
    await attempts(2)
    assert issues.async_get_issue("go2py", issue_id) is None
    await attempts(1)
    issue = issues.async_get_issue("go2py", issue_id)
    assert issue is not None
    assert issue.translation_placeholders == {"name": "Door", "detail": "the camera's line is taken"}
    await fake.talk_state("talking")
    await settle(hass, lambda: issues.async_get_issue("go2py", issue_id) is None)
    await hass.config_entries.async_unload(entry.entry_id)


# --- the loudspeaker --------------------------------------------------------------------------------------------------


async def test_an_address_plays(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await play(hass, "https://radio.example/live.mp3?token=canary")
    assert fake.wishes == [
        (["door"], {"src": "https://radio.example/live.mp3?token=canary", "volume": 1.0, "enqueue": "replace"})
    ]
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "playing"))
    attributes = state(hass, SPEAKER).attributes
    assert (attributes["media_title"], attributes["media_duration"], attributes["media_position"]) == ("live.mp3", 2, 0)
    assert "canary" not in str(attributes)
    await fake.play_state("door", "starting", title="next.mp3")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "buffering"))
    assert "media_duration" not in state(hass, SPEAKER).attributes
    await fake.play_state("door", "playing", title="next.mp3")
    await act(hass, "media_stop")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    assert "media_title" not in state(hass, SPEAKER).attributes
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("media", "source"),
    [
        ("/local/bell ring.mp3", "http://192.0.2.1:8123/local/bell ring.mp3"),
        ("http://192.0.2.1:8123/api/tts_proxy/abc.mp3", "http://192.0.2.1:8123/api/tts_proxy/abc.mp3"),
        ("bell.wav", "bell.wav"),
    ],
)
async def test_what_the_gateway_is_given(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, media: str, source: str
) -> None:
    await play(hass, media, announce=True)
    assert fake.wishes[-1][1]["src"] == source
    await hass.config_entries.async_unload(entry.entry_id)


async def test_home_assistants_own_are_signed(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await play(hass, "/media/local/bell.mp3", extra={"metadata": {"title": "Bell"}})
    source = fake.wishes[-1][1]["src"]
    assert source.startswith("http://192.0.2.1:8123/media/local/bell.mp3?authSig=")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "playing"))
    assert state(hass, SPEAKER).attributes["media_title"] == "Bell"
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("enqueue", "told"), [("add", "add"), ("next", "next"), ("play", "replace"), ("replace", "replace")]
)
async def test_the_queue(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, enqueue: str, told: str
) -> None:
    await play(hass, "bell.wav", enqueue=enqueue)
    assert fake.wishes[-1][1]["enqueue"] == told
    await hass.config_entries.async_unload(entry.entry_id)


async def test_volume(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    assert state(hass, SPEAKER).attributes["volume_level"] == 1
    await act(hass, "volume_set", volume_level=0.5)
    assert fake.asked[-1] == "PATCH /api/play?dst=door&volume=0.2500"
    assert state(hass, SPEAKER).attributes["volume_level"] == 0.5
    await act(hass, "volume_up")
    assert state(hass, SPEAKER).attributes["volume_level"] == 0.6
    await act(hass, "volume_mute", is_volume_muted=True)
    assert fake.asked[-1].endswith("volume=0.0000")
    await play(hass, "bell.wav")
    assert fake.wishes[-1][1]["volume"] == 0
    await act(hass, "volume_mute", is_volume_muted=False)
    await play(hass, "bell.wav")
    assert fake.wishes[-1][1]["volume"] == factor_of(0.6) == 0.36
    await hass.config_entries.async_unload(entry.entry_id)


async def test_volume_is_remembered(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await act(hass, "volume_set", volume_level=0.3)
    await act(hass, "volume_mute", is_volume_muted=True)
    await fake.source_state("waiting", "camera: no answer")  # whose speaker shows nothing then
    await settle(hass, lambda: hass.states.is_state(SPEAKER, STATE_UNAVAILABLE))
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_setup(entry.entry_id)
    await fake.source_state("idle")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    assert entry.runtime_data.talkers.volumes == {next(iter(entry.subentries)): 0}
    attributes = state(hass, SPEAKER).attributes
    assert (attributes["volume_level"], attributes["is_volume_muted"]) == (0.3, True)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_off_and_away_with_the_camera(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await hass.services.async_call("camera", "turn_off", {"entity_id": "camera.door"}, blocking=True)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "off"))
    await hass.services.async_call("camera", "turn_on", {"entity_id": "camera.door"}, blocking=True)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    await fake.source_state("waiting", "camera: no answer")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, STATE_UNAVAILABLE))
    await fake.tell("stream.removed", stream="door")
    await settle(hass, lambda: not entry.runtime_data.data)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_what_the_gateway_refuses(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    for method in ("POST", "PATCH", "DELETE"):
        fake.refuse[f"{method} /api/play"] = 500, "streams: the camera refuses", "failed"
    with pytest.raises(HomeAssistantError, match="The gateway refused: the camera refuses"):
        await play(hass, "bell.wav")
    for name, data in (("media_stop", {}), ("volume_set", {"volume_level": 0.1})):
        with pytest.raises(HomeAssistantError, match="The gateway refused: the camera refuses"):
            await act(hass, name, **data)
    for media in ("media-source://nobody/here", "http://[broken/bell.wav", ""):
        with pytest.raises(HomeAssistantError):
            await play(hass, media)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_browsing_shows_sounds(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator, tmp_path: Path
) -> None:
    for name in ("bell.mp3", "film.mp4"):
        (tmp_path / name).write_bytes(b"")
    client = await hass_ws_client(hass)
    message = {"type": "media_player/browse_media", "entity_id": SPEAKER}
    await client.send_json_auto_id(
        {**message, "media_content_id": "media-source://media_source/local/.", "media_content_type": ""}
    )
    answer = await client.receive_json()
    assert answer["success"], answer
    assert [child["title"] for child in answer["result"]["children"]] == ["bell.mp3"]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("bell.wav", "bell.wav"),
        ("door", "door"),
        ("http://h/a/K%C3%BCche.mp3?authSig=canary", "Küche.mp3"),
        ("http://h/api/tts_proxy/0815.mp3", ""),
        ("http://h/", ""),
        ("http://[broken/live.mp3", ""),
    ],
)
def test_names(source: str, name: str) -> None:
    assert name_of(source) == name


# --- go2py.play_audio -------------------------------------------------------------------------------------------------


@pytest.fixture
async def pair(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> MockConfigEntry:
    """A second camera at the same gateway, added while all runs."""
    await hass.config_entries.async_unload(entry.entry_id)
    fake.streams["yard"], fake.numbers["yard"], fake.hears["yard"] = ["rtsp://yard"], 2, True
    both = entry_for(fake.url, cameras={"door": (), "yard": ()})
    await hass.config_entries.async_remove(entry.entry_id)
    fake.streams["door"] = ["rtsp://door"]
    both.add_to_hass(hass)
    assert await hass.config_entries.async_setup(both.entry_id)
    for name in ("door", "yard"):
        await settle(hass, lambda name=name: hass.states.is_state(f"media_player.{name}_speaker", "idle"))
    return both


async def test_several_play_in_step(hass: HomeAssistant, fake: FakeGateway, pair: MockConfigEntry) -> None:
    told = await audio(
        hass, "camera.door", SPEAKER, "media_player.yard_speaker", media="bell.wav", priority=5, fade=0.5
    )
    ((names, wish),) = fake.wishes
    assert sorted(names) == ["door", "yard"]
    assert wish == {"src": "bell.wav", "volume": 1.0, "priority": 5, "enqueue": "replace", "fade": 0.5}
    assert {entity: one["state"] for entity, one in told.items()} == {
        "camera.door": "playing",
        "media_player.yard_speaker": "playing",
    }
    await hass.config_entries.async_unload(pair.entry_id)


async def test_each_at_its_own_volume(hass: HomeAssistant, fake: FakeGateway, pair: MockConfigEntry) -> None:
    await act(hass, "volume_set", volume_level=0.5)
    media = {"media_content_id": "http://h/a.mp3", "media_content_type": "audio/mpeg", "metadata": {}}
    await audio(hass, "camera.door", "camera.yard", media=media)
    assert sorted((names, wish["volume"]) for names, wish in fake.wishes) == [(["door"], 0.25), (["yard"], 1.0)]
    fake.wishes.clear()
    await audio(hass, "camera.door", "camera.yard", media=media, volume=0.1)
    assert [(sorted(names), wish["volume"]) for names, wish in fake.wishes] == [(["door", "yard"], 0.01)]
    await hass.config_entries.async_unload(pair.entry_id)


async def test_a_device_is_one_camera(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    found = er.async_get(hass).async_get(SPEAKER)
    assert found is not None
    await hass.services.async_call(
        "go2py", "play_audio", {"device_id": found.device_id, "media": "bell.wav"}, blocking=True
    )
    assert [names for names, _ in fake.wishes] == [["door"]]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_text(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await audio(hass, SPEAKER, message="Hello")
    assert fake.wishes[-1][1]["text"] == "Hello"  # the gateway's own voice
    hass.states.async_set("tts.some", "unknown")
    with pytest.raises(HomeAssistantError):  # Home Assistant has no such engine in fact
        await audio(hass, SPEAKER, message="Hello")
    with pytest.raises(HomeAssistantError):
        await audio(hass, SPEAKER, message="Hello", tts_entity="tts.other")
    await hass.config_entries.async_unload(entry.entry_id)


async def test_what_play_audio_refuses(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    with pytest.raises(ServiceValidationError, match="None of the targets is a camera"):
        await audio(hass, "switch.door_privacy", "camera.nobody", media="bell.wav")
    with pytest.raises(ServiceValidationError, match="either a sound or a message"):
        await audio(hass, SPEAKER)
    with pytest.raises(ServiceValidationError, match="is no sound's address"):
        await audio(hass, SPEAKER, media="http://[broken/bell.wav")
    fake.refuse["POST /api/play"] = 500, "streams: the camera refuses", "failed"
    with pytest.raises(HomeAssistantError, match="The gateway refused: the camera refuses"):
        await audio(hass, SPEAKER, media="bell.wav")
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError, match="Gateway is not connected"):
        await audio(hass, SPEAKER, media="bell.wav")


async def test_rights(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    sees = guest(hass, {SPEAKER: {"read": True}})
    uses = guest(hass, {SPEAKER: {"read": True, "control": True}})
    data = {"entity_id": SPEAKER, "media": "bell.wav"}
    with pytest.raises(Unauthorized):
        await hass.services.async_call("go2py", "play_audio", data, blocking=True, context=Context(user_id=sees.id))
    assert not fake.wishes
    await hass.services.async_call("go2py", "play_audio", data, blocking=True, context=Context(user_id=uses.id))
    assert len(fake.wishes) == 1
    await hass.config_entries.async_unload(entry.entry_id)
