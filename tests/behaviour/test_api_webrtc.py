"""`/api/webrtc` and RTSPtoWebRTC: one request, one complete answer; WHEP's resource."""

import base64
import json

import pytest
from aiohttp import ClientSession

from go2py.errors import Unreachable
from go2py.protocols.webrtc_sdp import parse_fragment
from tests.fakes.gateway import Gateway

WHEP = {"Content-Type": "application/sdp"}
TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def test_json(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.post("/api/webrtc?src=door", json={"type": "offer", "sdp": offer}) as answer:
        assert answer.status == 200
        value = await answer.json()
    assert value["type"] == "answer"
    assert "a=candidate:" in value["sdp"], "the answer is complete"
    (attachment,) = gateway.context.registry.require("door").attachments.values()
    assert (attachment.info.format_name, attachment.info.protocol) == ("webrtc/json", "http")


async def test_whep_from_offer_to_delete(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.post("/api/webrtc?src=door", data=offer, headers=WHEP) as answer:
        assert answer.status == 201
        assert answer.content_type == "application/sdp"
        assert (await answer.text()).startswith("v=0\r\n")
        resource = str(answer.url.join(type(answer.url)(answer.headers["Location"])))
    assert resource.startswith(f"{gateway.url}/api/webrtc?id=")
    fragment = "a=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
    async with http.patch(resource, data=fragment, headers=TRICKLE) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    async with http.patch(resource, data="", headers=TRICKLE) as answer:
        assert answer.status == 400
    async with http.patch(resource, data=fragment, headers=WHEP) as answer:
        assert answer.status == 415
    async with http.delete(resource) as answer:
        assert answer.status == 200
    assert not gateway.context.registry.require("door").attachments
    for method in ("DELETE", "PATCH"):
        async with http.request(method, resource, data=fragment, headers=TRICKLE) as answer:
            assert answer.status == 404
    async with http.delete("/api/webrtc") as answer:
        assert answer.status == 400
    async with http.patch("/api/webrtc") as answer:
        assert answer.status == 405


async def test_whep_restarts_ice(gateway: Gateway, http: ClientSession, offer: str) -> None:
    async with http.post("/api/webrtc?src=door", data=offer, headers=WHEP) as answer:
        resource = str(answer.url.join(type(answer.url)(answer.headers["Location"])))
        tag = answer.headers["ETag"]
        old = await answer.text()
    fragment = f"a=ice-ufrag:anew\r\na=ice-pwd:{'x' * 24}\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n"
    async with http.patch(resource, data=fragment, headers=TRICKLE | {"If-Match": "*"}) as answer:
        assert (answer.status, answer.content_type) == (200, "application/trickle-ice-sdpfrag")
        new, renewed = parse_fragment(await answer.text()), answer.headers["ETag"]
    assert new.ice_ufrag not in old
    assert new.ice_pwd not in old
    assert new.candidates
    assert new.complete
    assert all(f"a={candidate}" in old for candidate in new.candidates)
    for match, status in ((tag, 412), (renewed, 204)):
        async with http.patch(resource, data=fragment, headers=TRICKLE | {"If-Match": match}) as answer:
            assert answer.status == status
    async with http.patch(resource, data="a=ice-ufrag:next\r\na=ice-pwd:short\r\n", headers=TRICKLE) as answer:
        assert answer.status == 400
    assert len(gateway.webrtc.sessions) == 1


async def test_form_and_plain_bodies(http: ClientSession, offer: str) -> None:
    data = base64.b64encode(offer.encode()).decode()
    async with http.post("/api/webrtc?src=door", data={"data": data}) as answer:
        assert answer.content_type == "application/x-www-form-urlencoded"
        assert base64.b64decode(await answer.read()).startswith(b"v=0\r\n")
    async with http.post("/api/webrtc?src=door", data=offer.encode(), headers={"Content-Type": "text/plain"}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
    async with http.post("/api/webrtc?src=door", data=offer.encode(), headers={"Content-Type": "text/html"}) as answer:
        assert (answer.status, answer.content_type) == (200, "application/sdp"), "no page is made of it"


async def test_options_and_missing_names(http: ClientSession, offer: str) -> None:
    async with http.options("/api/webrtc") as answer:
        assert answer.status == 204
        assert "application/sdp" in answer.headers["Accept-Post"]
    async with http.post("/api/webrtc", data=offer) as answer:
        assert answer.status == 400
    async with http.post("/api/webrtc?src=nobody", data=offer) as answer:
        assert (answer.status, await answer.text()) == (404, "stream not found\n")
    async with http.post("/api/webrtc?src=fake://by/url", data=offer) as answer:
        assert answer.status == 404, "this endpoint takes names only"
    async with http.post("/api/webrtc?dst=door", data=offer) as answer:
        assert answer.status == 501


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"sdp":5}'),
        ("application/json", b'{"sdp":"v=0"}'),
        ("application/sdp", b""),
        ("application/sdp", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"data=%%%"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 1000)),
        ("", b"nonsense"),
    ],
)
async def test_bad_offers_are_4xx_and_leave_no_viewer(
    gateway: Gateway, http: ClientSession, content_type: str, body: bytes
) -> None:
    async with http.post("/api/webrtc?src=door", data=body, headers={"Content-Type": content_type}) as answer:
        assert answer.status == 400
        assert len(await answer.text()) > 5
    assert not gateway.context.registry.require("door").attachments


async def test_a_body_has_a_limit(http: ClientSession) -> None:
    async with http.post("/api/webrtc?src=door", data=b"a" * 200_000) as answer:
        assert answer.status == 413
    async with http.post("/api/webrtc?src=door", data=b"a" * 70_000) as answer:
        assert (answer.status, await answer.text()) == (400, "the SDP is too large\n")


async def test_a_camera_that_is_away_is_a_500_with_a_sentence(
    gateway: Gateway, http: ClientSession, offer: str
) -> None:
    gateway.camera.error = Unreachable("no answer")
    async with http.post("/api/webrtc?src=door", data=offer, headers=WHEP) as answer:
        assert (answer.status, await answer.text()) == (500, "streams: no answer\n")
    assert not gateway.webrtc.sessions


async def test_rtsp_to_webrtc(gateway: Gateway, http: ClientSession, offer: str) -> None:
    for path in ("/static", "/streams"):
        async with http.get(path) as answer:
            assert await answer.json() == {"status": 1, "payload": {}}
    body = json.dumps({"name": "hall", "channels": {"0": {"url": "fake://hall/1"}}})
    async with http.post("/stream/hall/add", data=body) as answer:
        assert await answer.json() == {"status": 1, "payload": {}}
    assert gateway.context.registry.require("hall").sources == ("fake://hall/1",)
    data = base64.b64encode(offer.encode()).decode()
    async with http.post("/stream/hall/channel/0/webrtc", data={"data": data}) as answer:
        assert base64.b64decode(await answer.read()).startswith(b"v=0\r\n")
    async with http.post("/stream/none/channel/0/webrtc", data={"data": data}) as answer:
        assert answer.status == 404
    for bad in ("{}", "x", '{"name":"a","channels":{"0":{"url":"exec:sh"}}}'):
        async with http.post("/stream/a/add", data=bad) as answer:
            assert answer.status == 400
