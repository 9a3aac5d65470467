"""`/api/frame.jpeg`."""

from email.utils import parsedate_to_datetime

import pytest
from aiohttp import ClientSession

from go2py.api.frame import attachment, parse_duration
from go2py.errors import ProtocolError, Unreachable
from tests.fakes.gateway import Gateway


async def test_a_picture_and_its_age(gateway: Gateway, http: ClientSession) -> None:
    async with http.get("/api/frame.jpeg?src=door&w=640&height=360&rotate=-90&poster") as answer:
        assert answer.status == 200
        assert answer.content_type == "image/jpeg"
        assert (await answer.read()).startswith(b"\xff\xd8")
        assert 400 < int(answer.headers["X-Go2py-Age-Ms"]) < 60_000
        assert parsedate_to_datetime(answer.headers["Last-Modified"]).year >= 2026
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Disposition" not in answer.headers
    assert gateway.snapshots.asked == [{"stream": "door", "size": (640, 360), "rotate": 270, "poster": True}]


async def test_cache_serves_a_young_picture_of_the_same_size(gateway: Gateway, http: ClientSession) -> None:
    for query in ("cache=10s", "cache=10s", "", "cache=10s&w=100", "cache=1ms"):
        async with http.get(f"/api/frame.jpeg?src=door&{query}") as answer:
            assert answer.status == 200
    assert len(gateway.snapshots.asked) == 4


async def test_a_failure_is_a_sentence(gateway: Gateway, http: ClientSession) -> None:
    gateway.snapshots.error = Unreachable("rtsp://u:p@camera: no answer")
    async with http.get("/api/frame.jpeg?src=door") as answer:
        assert (answer.status, await answer.text()) == (500, "rtsp://***@camera: no answer\n")
    async with http.get("/api/frame.jpeg?src=nobody") as answer:
        assert (answer.status, await answer.text()) == (404, "stream not found\n")
    async with http.get("/api/frame.jpeg?src=exec:sh") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    "query", ["w=0", "w=-1", "height=x", "w=99999", "w=%D9%A1", "rotate=45", "cache=soon", "cache=", "cache=1e999s"]
)
async def test_nonsense_is_a_400(http: ClientSession, query: str) -> None:
    async with http.get(f"/api/frame.jpeg?src=door&{query}") as answer:
        assert answer.status == 400


async def test_download(http: ClientSession) -> None:
    async with http.get("/api/frame.jpeg?src=door&download") as answer:
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="door_20')
    async with http.get("/api/frame.jpeg", params={"src": "door", "filename": 'ä"/\r\nx.jpg'}) as answer:
        value = answer.headers["Content-Disposition"]
        assert value.startswith('attachment; filename="_____x.jpg"; filename*=UTF-8')


def test_attachment_never_breaks_the_header() -> None:
    for name in ("", "a\r\nSet-Cookie: x", "\ud800", "x" * 5000, '"; evil', "../../etc/passwd"):
        value = attachment(name)
        assert value.isascii()
        assert value.isprintable()
        assert "/" not in value


@pytest.mark.parametrize(("text", "seconds"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), ("0s", 0)])
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1d", "1s ", "1" * 50 + "s", "1s" * 50])
def test_no_duration(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_duration(text)
