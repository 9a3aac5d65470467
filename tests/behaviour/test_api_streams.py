"""The stream verbs of go2rtc's API, as its clients use them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.fakes.gateway import Gateway

ORDER = "# mine\nstreams:\n  other: rtsp://192.0.2.1/a # keep\n"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(tmp_path, file=ORDER) as gateway:
        yield gateway


async def test_about(gateway: Gateway, http: ClientSession) -> None:
    async with http.get("/api") as answer:
        text = await answer.text()
        about = json.loads(text)
        assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    assert text.endswith("}\n")
    assert list(about) == sorted(about)
    assert about["version"] == "1.9.15"
    assert about["go2py"]
    assert about["config_path"] == str(gateway.file)
    assert about["host"] == f"127.0.0.1:{gateway.port}"
    assert about["rtsp"] == {"listen": ":8554", "default_query": "video&audio"}


async def test_list_has_lists_and_masked_urls(http: ClientSession) -> None:
    async with http.get("/api/streams") as answer:
        text = await answer.text()
    assert "secret" not in text
    door = json.loads(text)["door"]
    assert door["consumers"] == []
    assert door["producers"][0]["url"] == "fake://***@camera/1"


async def test_one_stream_is_pretty_and_a_missing_one_is_404(http: ClientSession) -> None:
    async with http.get("/api/streams", params={"src": "door"}) as answer:
        assert (await answer.text()).startswith('{\n  "consumers": []')
    async with http.get("/api/streams", params={"src": "nobody"}) as answer:
        assert answer.status == 404


async def test_probe_dials_and_lets_go(gateway: Gateway, http: ClientSession) -> None:
    params = {"src": "door", "video": "all", "audio": "all", "microphone": ""}
    async with http.get("/api/streams", params=params) as answer:
        door = await answer.json()
    assert door["producers"][0]["medias"] == ["video, recvonly, H264", "audio, recvonly, PCMA/8000/1"]
    assert door["consumers"][0]["format_name"] == "probe"
    assert not gateway.context.registry.require("door").attachments


async def test_probe_that_fits_nothing_is_a_500_with_a_sentence(http: ClientSession) -> None:
    async with http.get("/api/streams", params={"src": "door", "video": "h265"}) as answer:
        assert answer.status == 500
        assert await answer.text() == "streams: codecs not matched: video:H264, audio:PCMA => video:H265\n"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_put_writes_the_file_once_and_keeps_what_is_there(gateway: Gateway, http: ClientSession) -> None:
    sources = ["fake://u:p@192.0.2.9/s", "ffmpeg:camera.x#audio=opus#query=log_level=debug"]
    params = [("name", "camera.x"), *(("src", source) for source in sources)]
    async with http.put("/api/streams", params=params) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    written = gateway.file.read_text()
    assert written.startswith(ORDER)
    assert "u:p@192.0.2.9" in written
    stream = gateway.context.registry.require("camera.x")
    before = gateway.file.stat().st_mtime_ns
    async with http.put("/api/streams", params=params) as answer:
        assert answer.status == 200
    masked = [("name", "camera.x"), ("src", "fake://***@192.0.2.9/s"), ("src", sources[1])]
    async with http.put("/api/streams", params=masked) as answer:
        assert answer.status == 200
    assert gateway.file.stat().st_mtime_ns == before
    assert gateway.context.registry.require("camera.x") is stream
    assert stream.sources == tuple(sources)


async def test_put_that_cannot_be_saved_is_not_half_there(gateway: Gateway, http: ClientSession) -> None:
    gateway.file.write_text("streams: {door: fake://camera/1}\n")
    async with http.put("/api/streams", params={"name": "new", "src": "fake://camera/2"}) as answer:
        saved = answer.status == 200
    assert saved == (gateway.context.registry.get("new") is not None)
    assert saved == ("new" in gateway.file.read_text())


async def test_put_without_source_changes_nothing(gateway: Gateway, http: ClientSession) -> None:
    async with http.put("/api/streams", params={"name": "new"}) as answer:
        assert answer.status == 200
        assert "door" in await answer.json()
    assert gateway.context.registry.get("new") is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("exec:rm -rf /", "streams: source from insecure producer"),
        ("echo:x", "streams: source from insecure producer"),
        ("fake://a b", "streams: source with spaces may be insecure"),
        ("gopher://x", "streams: source not supported"),
        ("fake://***@new/1", "streams: the source has *** where user and password belong"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_sources_that_are_refused(
    gateway: Gateway, http: ClientSession, method: str, source: str, sentence: str
) -> None:
    if method == "PATCH" and "***" in source:
        return
    async with http.request(method, "/api/streams", params={"name": "bad", "src": source}) as answer:
        assert answer.status == 400
        assert (await answer.text()).endswith(f"{sentence}\n")
    assert gateway.context.registry.get("bad") is None
    assert gateway.file.read_text() == ORDER


async def test_home_assistants_orientation_is_no_insecure_blank(http: ClientSession) -> None:
    source = "ffmpeg:rtsp://192.0.2.1/s#video=h264#audio=copy#raw=-vf transpose=1,vflip"
    async with http.put("/api/streams", params={"name": "turned", "src": source}) as answer:
        assert answer.status == 200


async def test_patch_stays_in_memory(gateway: Gateway, http: ClientSession) -> None:
    async with http.patch("/api/streams", params={"name": "alias", "src": "door"}) as answer:
        assert answer.status == 200
    assert gateway.context.registry.require("alias") is gateway.context.registry.require("door")
    async with http.patch("/api/streams", params={"src": "fake://x"}) as answer:
        assert answer.status == 400
    assert gateway.file.read_text() == ORDER


async def test_delete_removes_from_memory_and_file(gateway: Gateway, http: ClientSession) -> None:
    async with http.put("/api/streams", params={"name": "gone", "src": "fake://x"}) as answer:
        assert answer.status == 200
    async with http.delete("/api/streams", params={"src": "gone"}) as answer:
        assert answer.status == 200
    assert gateway.context.registry.get("gone") is None
    assert gateway.file.read_text() == ORDER


async def test_without_a_file_changes_are_kept_in_memory(tmp_path: Path) -> None:
    async with Gateway(tmp_path, file=None) as gateway, ClientSession(gateway.url) as http:
        async with http.put("/api/streams", params={"name": "new", "src": "fake://x"}) as answer:
            assert answer.status == 200
        async with http.put("/api/preload", params={"src": "new"}) as answer:
            assert answer.status == 200
        async with http.delete("/api/preload", params={"src": "new"}) as answer:
            assert answer.status == 200
        async with http.delete("/api/streams", params={"src": "new"}) as answer:
            assert answer.status == 200
        for method in ("GET", "POST", "PATCH"):
            async with http.request(method, "/api/config") as answer:
                assert answer.status == 410
        async with http.get("/api") as answer:
            assert "config_path" not in await answer.json()


async def test_post_says_what_cannot_be_done(http: ClientSession) -> None:
    async with http.post("/api/streams", params={"dst": "door"}) as answer:
        assert answer.status == 200
    async with http.post("/api/streams", params={"dst": "door", "src": "ffmpeg:http://x/a.mp3#audio=pcma"}) as answer:
        assert (answer.status, "no backchannel" in await answer.text()) == (500, True)
    async with http.post("/api/streams", params={"src": "door"}) as answer:
        assert answer.status == 400
    async with http.post("/api/streams", params={"src": "no", "dst": "rtmp://x/y"}) as answer:
        assert answer.status == 404


async def test_preload_as_home_assistant_does_it(gateway: Gateway, http: ClientSession) -> None:
    async with http.get("/api/preload") as answer:
        assert await answer.json() == {}
    async with http.put("/api/preload", params={"src": "door", "video_codec_filter": "h264"}) as answer:
        assert answer.status == 200
    async with http.get("/api/preload") as answer:
        assert (await answer.json())["door"]["query"] == "video&audio"
    assert "door" in gateway.file.read_text()
    async with http.put("/api/preload", params={"src": "door", "video": "h264,h265", "audio": ""}) as answer:
        assert answer.status == 200
    assert gateway.context.registry.preloads["door"].query == "audio&video=h264,h265"
    async with http.delete("/api/preload", params={"src": "door"}) as answer:
        assert answer.status == 200
    async with http.delete("/api/preload", params={"src": "door"}) as answer:
        assert answer.status == 404
        assert await answer.text() == "streams: preload not found: door\n"
    async with http.put("/api/preload", params={"src": "nobody"}) as answer:
        assert answer.status == 404
        assert await answer.text() == "streams: stream not found: nobody\n"
    assert gateway.context.registry.get("door")


async def test_plan_gives_reasons(http: ClientSession) -> None:
    async with http.get("/api/streams", params={"src": "door", "video": ""}) as answer:
        assert answer.status == 200  # now its offers are known
    async with http.get("/api/plan", params={"src": "door", "video": "h265", "audio": "pcma"}) as answer:
        plan = await answer.json()
    assert plan["sources"] == ["fake://***@camera/1"]
    assert [match["codec"] for match in plan["matches"]] == ["PCMA/8000/1"]
    assert any("H264" in refusal["reason"] for refusal in plan["refused"])
    async with http.get("/api/plan", params={"src": "nobody"}) as answer:
        assert answer.status == 404


async def test_graph_and_schemes(http: ClientSession) -> None:
    async with http.get("/api/streams.dot") as answer:
        assert answer.content_type == "text/vnd.graphviz"
        assert (await answer.text()).startswith("digraph {")
    async with http.get("/api/schemes") as answer:
        assert await answer.json() == ["fake", "ffmpeg", "rtsp"]


async def test_html_is_escaped_in_json(gateway: Gateway, http: ClientSession) -> None:
    name = "<script>&\u2028"
    async with http.patch("/api/streams", params={"name": "<b>&", "src": "door"}) as answer:
        assert answer.status == 200
    async with http.get("/api/streams") as answer:
        text = await answer.text()
    assert "\\u003cb\\u003e\\u0026" in text
    assert "<" not in text
    assert "<b>&" in json.loads(text)
    async with http.patch("/api/streams", params={"name": name, "src": "door"}) as answer:
        assert answer.status == 400, "a line separator is not printable"


async def test_sources_with_passwords_travel_in_the_body(gateway: Gateway, http: ClientSession) -> None:
    sources = ["fake://u:p@192.0.2.9/s", "fake://u:p@192.0.2.9/t"]
    async with http.put("/api/streams", json={"name": "yard", "src": sources}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    assert gateway.context.registry.require("yard").sources == tuple(sources)
    assert "u:p@192.0.2.9" in gateway.file.read_text()
    async with http.put("/api/streams?name=hall", json={"src": sources[0]}) as answer:
        assert answer.status == 200
    assert gateway.context.registry.require("hall").sources == (sources[0],)
    async with http.patch("/api/streams?name=hall", json={"src": sources[1]}) as answer:
        assert answer.status == 200
    assert gateway.context.registry.require("hall").sources == (sources[1],)
    async with http.put("/api/streams?name=door&src=fake://b", headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 200, "no body: the query counts"
    assert gateway.context.registry.require("door").sources == ("fake://b",)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[]", 400),
        ("{", 400),
        ('{"src": 5}', 400),
        ('{"src": [5]}', 400),
        ('{"src": "fake://a", "name": 5}', 400),
        ('{"src": "exec:id", "name": "x"}', 400),
        ('{"src": "' + "a" * (600 << 10) + '"}', 413),
        ("[" * 99999, 400),
    ],
)
async def test_bodies_that_are_refused(gateway: Gateway, http: ClientSession, body: str, status: int) -> None:
    for method in ("PUT", "PATCH"):
        headers = {"Content-Type": "application/json"}
        async with http.request(method, "/api/streams", data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
    assert len(gateway.context.registry) == 1
    assert gateway.file.read_text() == ORDER
