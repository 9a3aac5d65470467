"""`/api/ws`: the messages of go2rtc, and that nothing is left of a client that leaves."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from tests.fakes.gateway import Gateway

CODECS = "avc1.640029,avc1.64002A,hvc1.1.6.L153.B0,mp4a.40.2,flac,opus"


async def text(socket: ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(10):
        message = await socket.receive()
    assert message.type is WSMsgType.TEXT, message
    return json.loads(message.data)


async def binary(socket: ClientWebSocketResponse) -> bytes:
    async with asyncio.timeout(10):
        message = await socket.receive()
    assert message.type is WSMsgType.BINARY, message
    return bytes(message.data)


async def gone(gateway: Gateway) -> None:
    """Wait until no viewer is attached."""
    async with asyncio.timeout(10):
        while gateway.context.registry.require("door").attachments:
            await asyncio.sleep(0.01)


async def test_mse_names_its_type_first_and_ends_with_the_socket(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?src=door", headers={"User-Agent": "tests"}) as socket:
        await socket.send_json({"type": "mse", "value": CODECS})
        reply = await text(socket)
        assert reply["type"] == "mse"
        assert reply["value"].startswith('video/mp4; codecs="avc1.42')
        assert reply["value"].endswith(',flac"')
        assert (await binary(socket))[4:8] == b"ftyp"
        assert (await binary(socket))[4:8] == b"moof"
        (attachment,) = gateway.context.registry.require("door").attachments.values()
        assert attachment.info.format_name == "mse/fmp4"
        assert attachment.info.protocol == "ws"
        assert attachment.info.user_agent == "tests"
        assert attachment.info.remote_addr.startswith("127.0.0.1:")
    await gone(gateway)


async def test_a_second_mse_replaces_the_first(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        for _ in range(2):
            await socket.send_json({"type": "mse"})
            while (await socket.receive(timeout=10)).type is not WSMsgType.TEXT:
                continue
        assert len(gateway.context.registry.require("door").attachments) == 1
    await gone(gateway)


async def test_the_end_of_the_stream_is_told_and_closes(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "mse", "value": CODECS})
        await text(socket)
        gateway.context.registry.delete("door")
        said = [message async for message in socket if message.type is WSMsgType.TEXT]
        assert json.loads(said[-1].data) == {
            "type": "error",
            "value": "mse: the stream was removed",
            "code": "ended",
        }
        assert socket.closed


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"type": "mse", "value": "hvc1.1.6.L153.B0"}, "mse: streams: codecs not matched: video:H264, audio:PCMA => "),
        ({"type": "mse", "value": 5}, "mse: value needs a list of codecs as text"),
        ({"type": "hls", "value": CODECS}, "hls: go2py does not speak hls yet, use webrtc or mse"),
        ({"type": "mp4"}, "mp4: go2py does not speak mp4 yet, use webrtc or mse"),
        ({"type": "mjpeg"}, "mjpeg: go2py does not speak mjpeg yet, use webrtc or mse"),
        ({"type": "webrtc", "value": "x"}, 'webrtc: value needs type "offer" and sdp'),
        ({"type": "webrtc", "value": {"type": "offer", "sdp": "x"}}, "webrtc: "),
        ({"type": "webrtc", "value": {"type": "answer", "sdp": "x"}}, 'webrtc: value needs type "offer" and sdp'),
        ({"type": "webrtc/offer", "value": {}}, "webrtc/offer: value needs the text of an SDP"),
        ({"type": "webrtc/offer", "value": "v=0\r\n" + "a=x\r\n" * 14000}, "webrtc/offer: the SDP is too large"),
    ],
)
async def test_errors_start_with_the_request(
    gateway: Gateway, http: ClientSession, message: dict[str, Any], error: str
) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json(message)
        reply = await text(socket)
        assert reply["type"] == "error"
        assert reply["value"].startswith(error)
        assert not socket.closed
    assert not gateway.context.registry.require("door").attachments


async def test_an_unknown_stream_is_an_error_of_the_message(http: ClientSession, offer: str) -> None:
    for query in ("src=nobody", "src=exec:sh", "", "src=", "src=gopher://x"):
        async with http.ws_connect(f"/api/ws?{query}") as socket:
            await socket.send_json({"type": "webrtc/offer", "value": offer})
            assert await text(socket) == {
                "type": "error",
                "value": "webrtc/offer: stream not found",
                "code": "not_found",
            }
    async with http.ws_connect("/api/ws?dst=door") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        assert "not built yet" in (await text(socket))["value"]


async def test_a_camera_that_is_away_is_an_error_in_time(gateway: Gateway, http: ClientSession) -> None:
    from go2py.errors import Unreachable

    gateway.camera.error = Unreachable("fake://user:secret@camera/1: no answer")
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "mse", "value": CODECS})
        reply = await text(socket)
    assert reply["type"] == "error"
    assert reply["value"].startswith("mse: streams: fake://***@camera/1: ")
    assert "secret" not in str(reply)


async def test_a_source_by_url_with_a_name(gateway: Gateway, http: ClientSession) -> None:
    async with http.ws_connect("/api/ws", params={"src": "fake://card/1", "name": "camera.card"}) as socket:
        await socket.send_json({"type": "mse", "value": CODECS})
        assert (await text(socket))["type"] == "mse"
    assert gateway.context.registry.require("camera.card").sources == ("fake://card/1",)


async def test_unknown_types_are_ignored(http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        for message in (
            {"type": "ping"},
            {"type": 5},
            {"type": ["mse"]},
            {},
            {"value": 1},
            {"type": "webrtc/candidate"},
        ):
            await socket.send_json(message)
        await socket.send_json({"type": "mp4"})
        assert (await text(socket))["value"].startswith("mp4: ")


@pytest.mark.parametrize("data", ["", "nonsense", "[]", "5", '"mse"', "[" * 60_000, '{"type":"mse"'])
async def test_what_is_no_object_closes(http: ClientSession, data: str) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_str(data)
        message = await socket.receive(timeout=10)
        assert message.type is WSMsgType.CLOSE
        assert message.data == 1007


async def test_a_huge_message_closes(http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_str("x" * 500_000)
        message = await socket.receive(timeout=10)
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR}


# --- WebRTC


@pytest.mark.parametrize(("query", "turned"), [("", 0), ("&rotate=0", 0), ("&rotate=90", 90), ("&rotate=-90", 270)])
async def test_webrtc_is_turned(gateway: Gateway, http: ClientSession, offer: str, query: str, turned: int) -> None:
    """By the browser, which is told in a header extension."""
    async with http.ws_connect(f"/api/ws?src=door&close=1{query}") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        assert (await text(socket))["type"] == "webrtc/answer"
        (session,) = gateway.webrtc.sessions.values()
        assert [one.form.rotation for one in session.viewer.outgoing if one.track.codec.is_video] == [turned]
    async with http.ws_connect("/api/ws?src=door&rotate=45") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        assert (await text(socket))["value"] == "webrtc/offer: rotate is one of 0, 90, 180, 270"


async def test_webrtc_as_home_assistant_speaks_it(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        value = {"type": "offer", "sdp": offer, "ice_servers": []}
        await socket.send_json({"type": "webrtc", "value": value})
        await socket.send_json({"type": "webrtc/candidate", "value": "candidate:1 1 udp 1 127.0.0.1 9 typ host"})
        await socket.send_json({"type": "webrtc/candidate", "value": "nonsense"})
        await socket.send_json({"type": "webrtc/candidate", "value": ""})
        await socket.send_json({"type": "webrtc/candidate"})
        reply = await text(socket)
        assert reply["type"] == "webrtc"
        assert reply["value"]["type"] == "answer"
        assert "a=candidate" not in reply["value"]["sdp"], "candidates trickle after the answer"
        candidate = await text(socket)
        assert candidate["type"] == "webrtc/candidate"
        assert " typ host" in candidate["value"]
    await asyncio.sleep(0.1)
    assert len(gateway.webrtc.sessions) == 1, "the peer connection outlives the socket"
    assert len(gateway.context.registry.require("door").attachments) == 1


async def test_webrtc_as_the_player_speaks_it(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "mse", "value": CODECS})
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        types = set()
        async with asyncio.timeout(10):
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    types.add(json.loads(message.data)["type"])
                if types >= {"mse", "webrtc/answer", "webrtc/candidate"}:
                    break
        assert len(gateway.context.registry.require("door").attachments) == 2
    async with asyncio.timeout(10):
        while len(gateway.context.registry.require("door").attachments) != 1:
            await asyncio.sleep(0.01)


async def test_leaving_before_the_answer_leaves_nothing(gateway: Gateway, http: ClientSession, offer: str) -> None:
    gateway.camera.answers = asyncio.Event()
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        await socket.send_json({"type": "mse"})
        async with asyncio.timeout(10):
            while not gateway.camera.opened:
                await asyncio.sleep(0.01)
    gateway.camera.answers.set()
    await gone(gateway)
    assert not gateway.webrtc.sessions


async def test_a_crowd_that_vanishes_leaves_nothing(gateway: Gateway, http: ClientSession, offer: str) -> None:
    """Sockets cut off without a word, in every stage of a conversation."""

    async def visit(number: int) -> None:
        async with ClientSession(gateway.url) as visitor:
            socket = await visitor.ws_connect("/api/ws?src=door")
            await socket.send_json({"type": "mse", "value": CODECS})
            if number % 2:
                await socket.receive(timeout=20)
            if (connection := socket._response.connection) is not None and connection.transport is not None:
                connection.transport.abort()

    tasks = len(asyncio.all_tasks())
    for _ in range(4):
        await asyncio.gather(*(visit(number) for number in range(50)))
    await gone(gateway)
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > tasks + 2:  # the session of the camera lingers
            await asyncio.sleep(0.01)
    async with http.get("/api") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "servers",
    [
        5,
        [5],
        [{"urls": 5}],
        [{"urls": ["http://x"]}],
        [{"urls": ["stun:" + "x" * 1000]}],
        [{"urls": ["stun:x"], "username": 5}],
        [{"urls": ["stun:x"]}] * 100,
    ],
)
async def test_bad_ice_servers_are_refused(http: ClientSession, offer: str, servers: Any) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "webrtc", "value": {"type": "offer", "sdp": offer, "ice_servers": servers}})
        reply = await text(socket)
        assert reply["type"] == "error"
        assert reply["value"].startswith("webrtc: ")


async def test_the_end_of_candidates_is_told(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        browser = {"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0"}
        for value in (browser, {"candidate": ""}, {"candidate": 5}, None, ""):
            await socket.send_json({"type": "webrtc/candidate", "value": value})
        assert (await text(socket))["type"] == "webrtc/answer"
        values: list[str] = []
        while not values or values[-1]:
            message = await text(socket)
            assert message["type"] == "webrtc/candidate"
            values.append(message["value"])
        assert len(values) > 1


async def test_a_peer_may_end_with_its_socket(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.ws_connect("/api/ws?src=door&close=1") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        assert (await text(socket))["type"] == "webrtc/answer"
        assert len(gateway.webrtc.sessions) == 1
    await gone(gateway)
    assert not gateway.webrtc.sessions


async def test_a_viewer_is_told_that_its_stream_is_over(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.ws_connect("/api/ws?src=door") as socket:
        await socket.send_json({"type": "webrtc/offer", "value": offer})
        assert (await text(socket))["type"] == "webrtc/answer"
        await gateway.context.registry.pause("door")
        message = await text(socket)
        while message["type"] == "webrtc/candidate":
            message = await text(socket)
        assert message == {"type": "error", "value": "webrtc: the stream is paused", "code": "paused"}
        for request in ("webrtc/offer", "mse"):
            await socket.send_json({"type": request, "value": offer if request != "mse" else CODECS})
            told = {"type": "error", "value": f"{request}: the stream is paused", "code": "paused"}
            assert await text(socket) == told
    async with http.ws_connect("/api/ws?src=nobody") as socket:
        await socket.send_json({"type": "mse"})
        assert (await text(socket))["code"] == "not_found"
