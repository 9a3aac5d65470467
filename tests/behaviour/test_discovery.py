"""Cameras are found on the network, looked at with a password, and told to clients without any secret."""

import asyncio
import ipaddress
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from go2py.api.discovery import DiscoveryEndpoints
from go2py.discovery import makers, ports, ssdp
from go2py.discovery.announce import TYPE, Announcer, Notice
from go2py.discovery.found import Sighting
from go2py.discovery.mdns import Mdns
from go2py.discovery.networks import Link
from go2py.discovery.search import Search
from go2py.protocols import ssdp as wire
from go2py.protocols import wsdd
from go2py.sources.onvif import explore as onvif_explore
from tests.fakes import onvif_device
from tests.fakes.gateway import CREDENTIALS, Gateway
from tests.fakes.onvif_device import Device, FakeProfile, Script
from tests.fakes.rtsp_camera import Camera
from tests.fakes.rtsp_camera import Script as CameraScript

LOOPBACK = Link("127.0.0.1", ipaddress.IPv4Network("127.0.0.0/30"), "lo")
PASSWORD = "correct/horse@7"
MAIN, SUB = "/cam/realmonitor?channel=1&subtype=0", "/cam/realmonitor?channel=1&subtype=1"


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's searches stay on this machine, and with the devices of this test."""
    made = DiscoveryEndpoints.__init__

    def on_loopback(self: DiscoveryEndpoints, context: Any) -> None:
        made(self, context, [LOOPBACK])

    monkeypatch.setattr(DiscoveryEndpoints, "__init__", on_loopback)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(wsdd, "PORT", port)
    monkeypatch.setattr(onvif_device, "DISCOVERY_PORT", port)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(tmp_path)
    gateway.context.mdns = Mdns(["127.0.0.1"])
    async with gateway:
        yield gateway
    await gateway.context.mdns.close()


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[ClientSession]:
    async with ClientSession(gateway.url) as session:
        yield session


def use_ports(monkeypatch: pytest.MonkeyPatch, rtsp: int, onvif: int) -> None:
    """Have the usual ports be those of the fakes."""
    from go2py.discovery import probe

    for module in (makers, probe):
        monkeypatch.setattr(module, "RTSP_PORTS", (rtsp,) if rtsp else ())
        monkeypatch.setattr(module, "HTTP_PORTS", (onvif,) if onvif else ())
    monkeypatch.setattr(onvif_explore, "PORTS", (onvif,))


async def silence(host: str, port: int, timeout: float) -> str:
    """A network that swallows everything."""
    await asyncio.sleep(0.5)
    return "silent"


async def look(http: ClientSession, **body: str) -> dict[str, Any]:
    async with http.post("/api/discovery/probe", json={"address": "127.0.0.1", **body}) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        assert PASSWORD not in text
        assert "correct%2Fhorse" not in text
        found: dict[str, Any] = json.loads(text)
        return found


def camera_script() -> CameraScript:
    return CameraScript(user="admin", password=PASSWORD, paths=(MAIN, SUB), backchannel=True)


# Searching


async def test_onvif_device_is_found_once_with_all_it_says(gateway: Gateway, http: ClientSession) -> None:
    async with Device(discoverable=True) as device:
        async with http.get("/api/discovery", params={"timeout": "0.6", "by": "onvif"}) as answer:
            assert answer.content_type == "application/json"
            (found,) = (await answer.json())["devices"]
        assert found == {
            "id": "02:00:00:00:00:01",
            "address": "127.0.0.1",
            "mac": "02:00:00:00:00:01",
            "name": "ACME Cam",
            "maker": "",
            "model": "C1",
            "hint": "",
            "source": f"onvif://{device.place}",
            "via": ["onvif"],
            "streams": [],
        }
        assert device.probes >= 2  # questions are repeated


async def test_known_cameras_are_marked_and_results_stream(gateway: Gateway, http: ClientSession) -> None:
    gateway.context.registry.put("yard", ["rtsp://user:secret@127.0.0.1:9/stream"])
    async with Device(discoverable=True), http.get("/api/discovery?timeout=0.6&by=onvif&stream") as answer:
        assert answer.content_type == "application/x-ndjson"
        line = json.loads(await answer.content.readline())
        assert (line["number"], line["streams"]) == (0, ["yard"])
        assert await answer.content.read() == b""


async def test_go2rtc_clients_find_devices_and_profiles(gateway: Gateway, http: ClientSession) -> None:
    async with Camera() as camera, Device(Script("admin", PASSWORD), discoverable=True) as device:
        device.script.profiles = [FakeProfile("P 1", camera.url), FakeProfile("P2", camera.url)]
        device.script.snapshot = camera.url.replace("rtsp", "http")
        gateway.context.registry.schemes |= {"onvif"}
        async with http.get("/api/onvif") as answer:
            (found,) = (await answer.json())["sources"]
            assert found == {
                "name": "127.0.0.1", "info": "ACME Cam C1", "url": f"onvif://user:pass@{device.place}",
            }  # fmt: skip
        src = found["url"].replace("user:pass", "admin:correct%2Fhorse%407")
        async with http.get("/api/onvif", params={"src": src}) as answer:
            sources = (await answer.json())["sources"]
        assert [source["name"].rpartition(" ")[2] for source in sources] == ["stream1", "stream2", "snapshot"]
        assert [source["url"].removeprefix(src) for source in sources] == [
            "?subtype=P%201", "?subtype=P2", "?subtype=P%201&snapshot",
        ]  # fmt: skip
        async with http.get("/api/onvif", params={"src": src.replace("horse", "cow")}) as answer:
            assert answer.status == 500
            assert "refused the user and password" in await answer.text()


async def test_no_devices(http: ClientSession) -> None:
    async with http.get("/api/discovery", params={"timeout": "0.2", "by": "onvif"}) as answer:
        assert await answer.json() == {"devices": []}


async def test_upnp_camera_is_known_by_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    """A television answers too, and a camera whose description lies elsewhere."""
    described = {"/cam": ("Reolink", "RLC-810A"), "/tv": ("Samsung", "TV")}

    async def describe(request: web.Request) -> web.Response:
        maker, model = described[request.path]
        device = f"<device><manufacturer>{maker}</manufacturer><modelName>{model}</modelName></device>"
        return web.Response(text=f"<root>{device}</root>")

    application = web.Application()
    application.router.add_get("/{path}", describe)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    class Things(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            for place in (f"127.0.0.1:{port}/cam", f"127.0.0.1:{port}/tv", f"10.0.0.1:{port}/cam"):
                answer = f"HTTP/1.1 200 OK\r\nLOCATION: http://{place}\r\nUSN: uuid:{place}\r\n\r\n"
                self.transport.sendto(answer.encode(), addr)

    loop = asyncio.get_running_loop()
    things, _ = await loop.create_datagram_endpoint(Things, local_addr=("127.0.0.1", 0))
    monkeypatch.setattr(wire, "GROUP", "127.0.0.1")
    monkeypatch.setattr(wire, "PORT", things.get_extra_info("sockname")[1])
    seen: list[Sighting] = []
    await ssdp.search([LOOPBACK], 0.6, seen.append)
    things.close()
    await runner.cleanup()
    assert [(one.maker, one.model, one.host) for one in seen] == [("Reolink", "RLC-810A", "127.0.0.1")]


async def test_ports_are_looked_at_only_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Camera() as camera:
        monkeypatch.setattr(ports, "PORTS", (camera.port,))
        mdns = Mdns(["127.0.0.1"])
        here = Link("127.0.0.2", ipaddress.IPv4Network("127.0.0.0/30"))
        by_default = [device async for device in Search(mdns, [here]).run(0.3, ("onvif",))]
        assert not by_default
        assert not camera.seen.connections
        (found,) = [device async for device in Search(mdns, [here]).run(1, ("port",))]
        assert (found.host, found.to_json()["via"]) == ("127.0.0.1", ["port"])
        assert not camera.seen.requests


async def test_announced_gateway_is_found_and_says_goodbye() -> None:
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    ours, theirs = Mdns(["127.0.0.1"]), AsyncZeroconf(interfaces=["127.0.0.1"])
    announcer = Announcer(ours)
    try:
        await announcer.update(Notice(1984, "/rtc", https=True, host="127.0.0.1", identity="7"))
        assert announcer._info is not None
        info = AsyncServiceInfo(TYPE, announcer._info.name)
        assert await info.async_request(theirs.zeroconf, 5000)
        assert info.port == 1984
        assert info.decoded_properties["path"] == "/rtc"
        await announcer.update(Notice(1985, host="127.0.0.1"))
        assert announcer._info.port == 1985
    finally:
        await announcer.close()
        await ours.close()
        await theirs.async_close()


# Looking at one


async def test_onvif_and_rtsp_tell_the_whole_camera(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Camera(camera_script()) as camera, Device(Script("admin", PASSWORD)) as device:
        use_ports(monkeypatch, camera.port, device.port)
        here = f"rtsp://0.0.0.0:{camera.port}"
        device.script.profiles = [
            FakeProfile("small", here + SUB, "sub", width=640, height=360),
            FakeProfile("large", here + MAIN, "main", "H265", 2560, 1440),
        ]
        device.script.clock, device.script.media2 = -7200.0, True
        found = await look(http, username="admin", password=PASSWORD)
        assert not found["problems"]
        assert (found["model"], found["serial"], found["talk"]) == ("Cam & Co 1", "S1", True)
        assert round(found["clock"]) in range(-7203, -7197)
        main, sub = found["streams"]
        assert (main["role"], main["source"]) == ("main", f"rtsp://127.0.0.1:{camera.port}{MAIN}")
        assert (sub["role"], sub["onvif"]) == ("sub", f"onvif://{device.place}?subtype=small")
        assert main["video"] == "H264"  # what the stream is, not what the profile says
        assert main["checked"]
        assert device.refused == 0


async def test_usual_paths_are_tried_where_onvif_is_off(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Camera(camera_script()) as camera:
        use_ports(monkeypatch, camera.port, 0)
        found = await look(http, username="admin", password=PASSWORD)
        (main,) = found["streams"]  # both paths show the same picture, so there is one stream
        assert (main["via"], main["source"]) == ("path", f"rtsp://127.0.0.1:{camera.port}{MAIN}")
        assert (main["video"], main["audio"], main["talk"]) == ("H264", "PCMA", True)
        assert not found["problems"]


@pytest.mark.parametrize("accepts", ["token", "digest", "both"])
async def test_wrong_password_is_sent_once(http: ClientSession, monkeypatch: pytest.MonkeyPatch, accepts: str) -> None:
    async with Camera(camera_script()) as camera, Device(Script("admin", PASSWORD, accepts)) as device:
        use_ports(monkeypatch, camera.port, device.port)
        found = await look(http, username="admin", password="wrong")
        assert [problem["code"] for problem in found["problems"]] == ["unauthorized"]
        assert not found["streams"]
        tried = [one for one in camera.seen.headers if "Authorization" in one.headers]
        assert len(tried) == 1
        assert device.attempts == 0


async def test_wrong_password_of_onvif_alone(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens for RTSP; or RTSP is content and ONVIF has users of its own."""
    async with Camera(camera_script()) as camera, Device(Script("other", "other")) as device:
        use_ports(monkeypatch, 0, device.port)
        found = await look(http, username="admin", password=PASSWORD)
        assert [problem["code"] for problem in found["problems"]] == ["unauthorized"]
        assert device.attempts == 1
        use_ports(monkeypatch, camera.port, device.port)
        camera.script.paths = None
        found = await look(http, username="admin", password=PASSWORD)
        assert [problem["code"] for problem in found["problems"]] == ["onvif_unauthorized"]
        assert len(found["streams"]) == 1


async def test_what_stands_in_the_way_is_said(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Camera(camera_script()) as camera:
        use_ports(monkeypatch, camera.port, 0)
        found = await look(http)
        assert [problem["code"] for problem in found["problems"]] == ["credentials_needed"]
        camera.script.user, camera.script.paths = "", ("/secret/place",)
        camera._auth = None
        found = await look(http)
        assert [problem["code"] for problem in found["problems"]] == ["no_stream"]
        found = await look(http, address=f"rtsp://127.0.0.1:{camera.port}/secret/place")
        assert [stream["source"] for stream in found["streams"]] == [f"rtsp://127.0.0.1:{camera.port}/secret/place"]
        camera.script.max_sessions = 0
        await camera.stop()
        found = await look(http)
        assert [problem["code"] for problem in found["problems"]] == ["closed"]
    monkeypatch.setattr("go2py.discovery.probe.knock", silence)
    found = await look(http)
    assert [problem["code"] for problem in found["problems"]] == ["unreachable"]
    assert "127.0.0.1" in found["problems"][0]["message"]


# Who may


async def test_only_those_who_may_and_never_foreign_pages(gateway: Gateway, http: ClientSession) -> None:
    evil = {"Origin": "http://evil.example"}
    body = {"address": "127.0.0.1"}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/api/discovery", {}),
        ("GET", "/api/onvif?src=onvif://127.0.0.1", {}),
        ("POST", "/api/discovery/probe", {"json": body}),
    ]
    for method, path, arguments in requests:
        async with http.request(method, path, headers=evil, **arguments) as answer:
            assert answer.status == 403, path
        async with http.request(method, path, headers={"X-Forwarded-For": "192.0.2.1"}, **arguments) as answer:
            assert answer.status == 401, path
    gateway.context.config = gateway.context.config.__class__(api=gateway.context.config.api.__class__(origin="*"))
    for method, path, arguments in requests:
        async with http.request(method, path, headers=evil, **arguments) as answer:
            assert answer.status == 403, path
    password = encode_basic_auth(CREDENTIALS.username, CREDENTIALS.password.open())
    headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": password}
    async with http.get("/api/discovery?timeout=0.1&by=onvif", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/discovery?timeout=900", None),
        ("/api/discovery?timeout=x", None),
        ("/api/discovery?by=everything", None),
        ("/api/onvif?src=exec:id", None),
        ("/api/onvif?src=rtsp://127.0.0.1/", None),
        ("/api/discovery/probe", {"address": ""}),
        ("/api/discovery/probe", {"address": "a b"}),
        ("/api/discovery/probe", {"address": 7}),
        ("/api/discovery/probe", ["address"]),
        ("/api/discovery/probe", {"address": "127.0.0.1", "password": "x" * 2000}),
    ],
)
async def test_nonsense_is_refused(http: ClientSession, path: str, body: Any) -> None:
    async with http.request("GET" if body is None else "POST", path, json=body) as answer:
        assert answer.status == 400


async def test_one_camera_is_looked_at_once_at_a_time(http: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("go2py.discovery.probe.knock", silence)
    first = asyncio.ensure_future(look(http))
    await asyncio.sleep(0.2)
    async with http.post("/api/discovery/probe", json={"address": "127.0.0.1"}) as answer:
        assert answer.status == 409
    await first
