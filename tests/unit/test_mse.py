"""A viewer of MSE: what it is told, what it gets first, and what happens when it does not keep up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, override

import pytest

from go2py.config.settings import StreamSettings
from go2py.config.values import StreamConfig
from go2py.errors import NegotiationError
from go2py.observe.events import Bus
from go2py.outputs import mse
from go2py.outputs.mse import MseSession, wants_from_codecs
from go2py.streams.reader import ReaderInfo
from go2py.streams.registry import Registry
from tests.fakes.source import H264, FakeCamera, picture
from tests.unit.test_fmp4 import boxes
from tests.unit.test_muxer import payload, samples

CODECS = "avc1.640029,avc1.64002A,hvc1.1.6.L153.B0,mp4a.40.2,flac,opus"


class Socket(asyncio.WriteTransport):
    """A transport that remembers; `queued` is what it pretends to hold back."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []
        self.queued = 0
        self.aborted = False

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.aborted
        self.messages.append(bytes(data))

    @override
    def get_write_buffer_size(self) -> int:
        return self.queued

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    @override
    def is_closing(self) -> bool:
        return self.aborted

    @override
    def abort(self) -> None:
        self.aborted = True


class Client:
    """The client's side of one session."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.socket = Socket()
        self.texts: list[dict[str, Any]] = []
        self.ended: list[str] = []

    async def send(self, text: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        assert not self.socket.messages, "nothing binary before the content type"
        self.texts.append(text)

    async def open(self, codecs: str = CODECS, stream: str = "door") -> MseSession:
        return await MseSession.open(
            self.registry.require(stream),
            codecs,
            info=ReaderInfo("mse/fmp4", protocol="ws"),
            send=self.send,
            transport=self.socket,
            settings=self.registry.settings,
            budget=self.registry.budget,
            on_end=self.ended.append,
        )

    async def messages(self, count: int) -> list[bytes]:
        async with asyncio.timeout(10):
            while len(self.socket.messages) < count:
                await asyncio.sleep(0.01)
        return [payload(message) for message in self.socket.messages]


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


@pytest.fixture
async def registry(camera: FakeCamera) -> AsyncIterator[Registry]:
    registry = Registry(camera.dial, ["fake"], StreamSettings(linger=0.1, wait=1.0, backlog=0.2, stuck=1.0), Bus())
    registry.apply([StreamConfig("door", ("fake://camera/1",))])
    yield registry
    await registry.close()


def test_wants() -> None:
    video, audio = wants_from_codecs(CODECS)
    assert [wish.name for wish in video.codecs] == ["H264", "H265"]
    assert [wish.name for wish in audio.codecs] == ["MPEG4-GENERIC", "PCMA", "PCMU", "L16", "PCML", "OPUS"]
    assert [want.kind for want in wants_from_codecs("avc1.640029")] == ["video"]
    assert [len(want.codecs) for want in wants_from_codecs(" ")] == [2, 1]
    assert wants_from_codecs("avc1.64002A,mp4a.40.5") == ()


async def test_content_type_then_init_then_pictures(registry: Registry) -> None:
    client = Client(registry)
    session = await client.open()
    init, replay, *live = await client.messages(12)
    session.close()
    assert client.texts == [{"type": "mse", "value": 'video/mp4; codecs="avc1.64001E,flac"'}] or (
        client.texts[0]["value"].startswith('video/mp4; codecs="avc1.')
    )
    assert [kind for kind, _ in boxes(init)] == ["ftyp", "moov"]
    times = samples(b"".join((replay, *live)))
    assert {track for track, _, _ in times} == {1, 2}
    for number in (1, 2):
        mine = [dts for track, dts, _ in times if track == number]
        assert mine == sorted(set(mine)), "each unit once, in order"
    stream = registry.require("door")
    assert not stream.attachments


async def test_a_late_viewer_begins_with_a_picture_at_once(registry: Registry) -> None:
    first, late = Client(registry), Client(registry)
    sessions = [await first.open()]
    await first.messages(9)
    sessions.append(await late.open())
    assert len(late.socket.messages) >= 2, "without waiting for anything"
    await late.messages(6)
    assert late.socket.messages[-1] in first.socket.messages, "then it shares the others' fragments"
    for session in sessions:
        session.close()


async def test_who_does_not_keep_up_skips_to_the_next_key_picture(registry: Registry) -> None:
    slow, quick = Client(registry), Client(registry)
    sessions = [await slow.open("avc1.640029"), await quick.open("avc1.640029")]
    await slow.messages(4)
    slow.socket.queued = 40 << 20
    await asyncio.sleep(0.3)
    before = len(slow.socket.messages)
    await asyncio.sleep(0.2)
    assert len(slow.socket.messages) == before
    slow.socket.queued = 0
    resumed = (await slow.messages(before + 1))[before]
    assert b"\x02\0\0\0" in resumed[:100], "sample flags of a key picture"
    (attachment, other) = registry.require("door").attachments.values()
    assert sum(sender.drops for sender in attachment.senders.values()) > 5
    assert not any(sender.drops for sender in other.senders.values())
    for session in sessions:
        session.close()


async def test_who_takes_nothing_at_all_is_cut_off(registry: Registry) -> None:
    client = Client(registry)
    session = await client.open("avc1.640029")
    await client.messages(3)
    client.socket.queued = 1 << 30
    async with asyncio.timeout(10):
        while not client.socket.aborted:
            await asyncio.sleep(0.05)
    session.close()
    assert registry.budget.total == 0


async def test_a_new_resolution_brings_a_new_init_segment(registry: Registry, camera: FakeCamera) -> None:
    client = Client(registry)
    session = await client.open("avc1.640029")
    await client.messages(3)
    (attachment,) = registry.require("door").attachments.values()
    track = attachment.tracks[0]
    unit = picture(H264.with_(width=1920, height=1080), 0, camera)
    unit.pts = unit.dts = track.gop.units()[-1].dts + 1800
    before = len(client.socket.messages)
    track.publish([unit])
    init, fragment = [payload(message) for message in client.socket.messages[before : before + 2]]
    assert [kind for kind, _ in boxes(init)] == ["ftyp", "moov"]
    assert [kind for kind, _ in boxes(fragment)] == ["moof", "mdat"]
    session.close()


async def test_the_end_of_the_stream_is_told_once(registry: Registry) -> None:
    client = Client(registry)
    session = await client.open()
    registry.delete("door")
    await asyncio.sleep(0.05)
    assert len(client.ended) == 1
    session.close()
    session.close()


async def test_nothing_that_fits(registry: Registry) -> None:
    client = Client(registry)
    with pytest.raises(NegotiationError):
        await client.open("hvc1.1.6.L153.B0")
    assert not client.texts
    assert not registry.require("door").attachments


async def test_a_client_that_left_before_the_answer_leaves_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(registry)

    async def gone(text: dict[str, Any]) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(client, "send", gone)
    with pytest.raises(ConnectionResetError):
        await client.open()
    assert not registry.require("door").attachments


async def test_a_long_replay_is_paced(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.outputs.muxer.MESSAGE_BYTES", 400)
    monkeypatch.setattr(mse, "_PACE", 0.05)
    first = Client(registry)
    sessions = [await first.open("avc1.640029")]
    await first.messages(8)
    late = Client(registry)
    sessions.append(await late.open("avc1.640029"))
    assert len(late.socket.messages) == 2
    data = b"".join((await late.messages(10))[1:])
    times = [dts for _, dts, _ in samples(data)]
    assert times == sorted(set(times))
    for session in sessions:
        session.close()
