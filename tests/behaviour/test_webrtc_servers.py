"""Candidates that need a server: the public address by STUN, a viewer that is reached through TURN only."""

import asyncio
import socket
from collections.abc import AsyncIterator

import aioice.ice
import pytest

from go2py.config.values import CandidateFilters, IceServer, WebRtcConfig
from go2py.observe.secret import Secret
from go2py.outputs.webrtc import servers
from go2py.outputs.webrtc.batch import RtpBatch
from go2py.outputs.webrtc.candidates import parse_candidate
from go2py.outputs.webrtc.port import WebRtcPort
from tests.behaviour.test_webrtc_transport import Log, Viewer, picture, take_offer, until
from tests.fakes.ice_servers import PASSWORD, USER, IceServerFake


@pytest.fixture
async def server() -> AsyncIterator[IceServerFake]:
    fake = IceServerFake(("203.0.113.7", 4711))
    await fake.start()
    yield fake
    fake.close()


async def gathered(settings: WebRtcConfig, count: int = 1) -> list[str]:
    port = WebRtcPort(settings)
    await port.start()
    told: list[str] = []
    for _ in range(count):
        peer = port.new_peer()
        told.clear()
        peer.on_candidate = told.append
        lines = await peer.gather()
        assert list(lines) == told
    await port.close()
    return told


async def test_public_address(server: IceServerFake) -> None:
    stun_url = IceServer((f"stun:127.0.0.1:{server.port}",))
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    config = WebRtcConfig(listen=listen, candidates=("stun:8555",), ice_servers=(stun_url,))
    lines = await gathered(config, count=3)
    found = {(one.type, one.network): one for one in map(parse_candidate, lines) if one.host == "203.0.113.7"}
    assert found["host", "udp"].port == found["host", "tcp"].port == 8555
    assert found["srflx", "udp"].port == 4711
    assert server.bindings == 3 + 1  # each peer asks for its mapping, the public address is kept


async def test_an_empty_list_with_the_offer_asks_nobody(server: IceServerFake) -> None:
    stun_url = IceServer((f"stun:127.0.0.1:{server.port}",))
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0", ice_servers=(stun_url,)))
    await port.start()
    lines = await port.new_peer(()).gather()
    await port.close()
    assert {parse_candidate(line).type for line in lines} == {"host"}
    assert not server.bindings


async def test_a_silent_server_costs_a_candidate_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(servers, "_RETRY", (0.05, 0.05))
    silent = IceServer(("stun:127.0.0.1:9", "turn:127.0.0.1:9"), "user", Secret("opensesame"))
    monkeypatch.setattr(servers, "TIMEOUT", 0.3)
    lines = await gathered(WebRtcConfig(listen="127.0.0.1:0", candidates=("stun:8555",), ice_servers=(silent,)))
    assert {parse_candidate(line).type for line in lines} == {"host"}
    assert "does not answer" in caplog.text
    assert "stun:port left out" in caplog.text
    assert "gives no relay" in caplog.text
    assert "opensesame" not in caplog.text


async def test_viewer_behind_turn(server: IceServerFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    turn = IceServer((f"turn:127.0.0.1:{server.port}",), USER, Secret(PASSWORD))
    no_udp = CandidateFilters(networks=("tcp4",))
    port = WebRtcPort(WebRtcConfig(listen="127.0.0.1:0", filters=no_udp))
    await port.start()
    viewer = Viewer()
    peer = port.new_peer([turn])
    log = Log(peer)
    offer = await viewer.offer()
    take_offer(peer, offer)
    relayed = [line for line in await peer.gather() if "typ relay" in line]
    assert len(relayed) == 1
    await viewer.answer(peer, offer, relayed)
    await asyncio.wait_for(log.connected.wait(), 20)
    assert isinstance(peer._socket, servers.Relay)
    packets = picture()
    assert peer.send_rtp(RtpBatch(packets)) == 8
    await until(lambda: len(viewer.packets) == 8)
    await viewer.pc.close()
    await asyncio.wait_for(log.closed.wait(), 20)
    await until(lambda: not server.relays)
    await port.close()
