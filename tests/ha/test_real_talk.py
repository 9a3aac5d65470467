"""With the gateway's real process: what Home Assistant plays and says is heard by the demo camera, which repeats it."""

import asyncio
import io
import math
import wave
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any, override

import av
import pytest
from aiortc import AudioStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from homeassistant.components.camera import async_get_image, async_get_stream_source
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from .conftest import settle
from .test_entities import state
from .test_talk import audio, play

SPEAKER = "media_player.demo_speaker"
TTS = find_spec("mutagen") is not None
HERTZ = 440.0
LOUD = 1_000
RATE = 8_000


def samples(seconds: float, rate: int, start: int = 0) -> array[int]:
    """A tone."""
    times = range(start, start + round(seconds * rate))
    return array("h", (round(8_000 * math.sin(2 * math.pi * HERTZ * i / rate)) for i in times))


def wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(samples(seconds, 16_000).tobytes())
    return file.getvalue()


def mp3(seconds: float) -> bytes:
    """What Home Assistant need not convert."""
    file = io.BytesIO()
    with av.open(io.BytesIO(wav(seconds)), "r") as source, av.open(file, "w", format="mp3") as target:
        stream = target.add_stream("mp3", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


class Ear:
    """Listens to the camera by RTSP, in a thread; `heard` is how many seconds of the tone came back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = Event()
        self.open = False
        self.heard = 0.0

    def listen(self) -> None:
        """Until `close`."""
        resampler = av.AudioResampler("s16", "mono", RATE)
        rest: array[int] = array("h")
        options = {"rtsp_transport": "tcp", "allowed_media_types": "audio"}
        with av.open(self._url, "r", options=options) as container:
            for frame in container.decode(audio=0):
                self.open = True
                for part in resampler.resample(frame):
                    rest.frombytes(bytes(part.planes[0])[: 2 * part.samples])
                while len(rest) >= 400:
                    self.heard += 0.05 * (_strength(rest[:400]) > LOUD)
                    del rest[:400]
                if self._over.is_set():
                    return

    def close(self) -> None:
        self._over.set()


def _strength(sound: array[int]) -> float:
    """How much of the tone is in it."""
    real = sum(s * math.cos(2 * math.pi * HERTZ * i / RATE) for i, s in enumerate(sound))
    imaginary = sum(s * math.sin(2 * math.pi * HERTZ * i / RATE) for i, s in enumerate(sound))
    return 2 * math.hypot(real, imaginary) / len(sound)


@asynccontextmanager
async def listening(hass: HomeAssistant) -> AsyncIterator[Ear]:
    url = await async_get_stream_source(hass, "camera.demo")
    assert url is not None
    ear = Ear(url)
    task = asyncio.create_task(asyncio.to_thread(ear.listen))
    try:
        await settle(hass, lambda: ear.open or task.done())
        yield ear
    finally:
        ear.close()
        await task


async def set_up_voice(hass: HomeAssistant) -> None:
    """An engine that hums every text."""
    from homeassistant.components import tts

    class Hummer(tts.TextToSpeechEntity):
        entity_id = "tts.hummer"
        _attr_name = "Hummer"
        _attr_default_language = "en"
        _attr_supported_languages = ["en"]  # noqa: RUF012  as in Home Assistant

        @override
        def get_tts_audio(self, message: str, language: str, options: dict[str, Any]) -> tts.TtsAudioType:
            return "mp3", mp3(1.0)

    tts.DEFAULT_CACHE = False  # no files
    assert await async_setup_component(hass, "tts", {})
    await hass.data[tts.DATA_COMPONENT].async_add_entities([Hummer()])


@pytest.fixture
async def entry(
    hass: HomeAssistant, real_entry: MockConfigEntry, hass_client: ClientSessionGenerator, tmp_path: Path
) -> AsyncIterator[MockConfigEntry]:
    """The demo camera, which was found to hear when it brought its first picture."""
    (tmp_path / "tone.wav").write_bytes(wav(1.0))
    hass.config.media_dirs = {"local": str(tmp_path)}
    for component in ("media_source", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    if TTS:
        await set_up_voice(hass)
    real_entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(real_entry.entry_id)
    client = await hass_client()
    await hass.config.async_update(internal_url=str(client.make_url("/")).rstrip("/"))
    await async_get_image(hass, "camera.demo")
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
    yield real_entry
    await hass.config_entries.async_unload(real_entry.entry_id)


async def test_a_file_is_heard(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    async with listening(hass) as ear:
        await play(hass, "media-source://media_source/local/tone.wav", SPEAKER)
        await settle(hass, lambda: hass.states.is_state(SPEAKER, "playing"))
        attributes = state(hass, SPEAKER).attributes
        assert attributes["media_title"] == "tone.wav"
        assert attributes["media_duration"] == 1
        await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
        await settle(hass, lambda: ear.heard > 0.8)


async def test_stop_and_volume(hass: HomeAssistant, entry: MockConfigEntry, tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav(60))
    told = await audio(
        hass, SPEAKER, "camera.demo", media={"media_content_id": "media-source://media_source/local/long.wav"}
    )
    assert [(one["state"], one["duration"], one["volume"]) for one in told.values()] == [("playing", 60, 1)]
    for name, data in (("volume_set", {"volume_level": 0.5}), ("media_stop", {})):
        await hass.services.async_call("media_player", name, {"entity_id": SPEAKER, **data}, blocking=True)
    await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))


@pytest.mark.skipif(not TTS, reason="Home Assistant's tts needs mutagen")
async def test_a_text_is_heard(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    data = {"entity_id": "tts.hummer", "media_player_entity_id": SPEAKER, "message": "Somebody is at the door"}
    async with listening(hass) as ear:
        await hass.services.async_call("tts", "speak", data, blocking=True)
        await settle(hass, lambda: hass.states.is_state(SPEAKER, "playing"))
        assert "media_title" not in state(hass, SPEAKER).attributes
        await settle(hass, lambda: ear.heard > 0.8)
        await settle(hass, lambda: hass.states.is_state(SPEAKER, "idle"))
        before = ear.heard
        await audio(hass, SPEAKER, message="And again")
        await settle(hass, lambda: ear.heard > before + 0.8)


class Tone(AudioStreamTrack):
    """A microphone before which somebody hums."""

    _at = 0

    @override
    async def recv(self) -> Any:
        frame: Any = await super().recv()
        frame.planes[0].update(samples(frame.samples / frame.sample_rate, frame.sample_rate, self._at).tobytes())
        self._at += frame.samples
        frame.time_base = Fraction(1, frame.sample_rate)
        return frame


async def test_a_connection_for_the_voice_alone(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """As Home Assistant's apps open beside that of the picture."""
    client = await hass_ws_client()
    peer = RTCPeerConnection()
    peer.addTransceiver(Tone(), direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    offer = {"type": "camera/webrtc/offer", "entity_id": "camera.demo", "offer": peer.localDescription.sdp}
    ended = False
    async with listening(hass) as ear:
        await client.send_json_auto_id(offer)
        async with asyncio.timeout(30):
            while peer.connectionState != "connected":
                event = (await client.receive_json()).get("event", {}) if not ended else {}
                assert event.get("type") != "error", event
                if event.get("type") == "answer":
                    await peer.setRemoteDescription(RTCSessionDescription(event["answer"], "answer"))
                elif line := event.get("candidate", {}).get("candidate"):
                    candidate = candidate_from_sdp(line.removeprefix("candidate:"))
                    candidate.sdpMid = "0"
                    await peer.addIceCandidate(candidate)
                ended = ended or event.get("candidate") == {"candidate": ""}
                await asyncio.sleep(0.05)
        await settle(hass, lambda: (entry.runtime_data.data.talk("demo") or {}).get("state") == "talking")
        await settle(hass, lambda: (entry.runtime_data.data.talk("demo") or {}).get("packets", 0) > 150)
        await peer.close()
        await settle(hass, lambda: (entry.runtime_data.data.talk("demo") or {}).get("state") == "idle")
        await settle(hass, lambda: ear.heard > 0.5)  # it answers when there is a pause
