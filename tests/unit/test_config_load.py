"""Files, inline texts and single keys become one typed configuration; mistakes are named, protection never shrinks."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from go2py.config.load import ConfigFiles
from go2py.config.values import Config, Endpoint
from go2py.errors import ConfigError

type Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str | None, *more: str, environ: dict[str, str] | None = None) -> Config:
        arguments = [*more]
        if text is not None:
            (tmp_path / "a.yaml").write_text(text)
            arguments.insert(0, "a.yaml")
        return ConfigFiles(arguments, directory=tmp_path, environ=environ or {}).load()

    return load


def sources(config: Config) -> dict[str, tuple[str, ...]]:
    return {name: stream.sources for name, stream in config.streams.items()}


# --- where it comes from ---------------------------------------------------------------------------------------------


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    files = ConfigFiles(["none.yaml"], directory=tmp_path, environ={})
    assert files.path == tmp_path / "none.yaml"
    assert not files.load().streams


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ([], "go2py.yaml"),
        (["go2rtc.yaml"], "go2rtc.yaml"),
        (["go2py.yaml", "go2rtc.yaml"], "go2py.yaml"),
    ],
)
def test_without_arguments(tmp_path: Path, there: list[str], found: str) -> None:
    for name in there:
        (tmp_path / name).touch()
    assert ConfigFiles(directory=tmp_path).path == tmp_path / found


def test_inline_texts_have_no_path(load: Load) -> None:
    config = load(None, '{"streams": {"a": "rtsp://h"}}', "streams:\n  b: x", "log.rtsp=trace", "")
    assert config.path is None
    assert sources(config) == {"a": ("rtsp://h",), "b": ("x",)}
    assert config.log.modules == {"rtsp": "trace"}
    assert load(None, "").path is None


def test_later_ones_win_key_by_key(load: Load, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("streams:\n  b: [y, z]\n  c: w\napi:\nrtsp: {listen: ''}\n")
    config = load("streams: {a: x, b: x}\napi: {listen: ':1'}", "b.yaml", "rtsp.default_query=video")
    assert sources(config) == {"a": ("x",), "b": ("y", "z"), "c": ("w",)}
    assert config.api.listen == ":1"  # an empty section takes nothing away
    assert (config.rtsp.listen, config.rtsp.default_query) == ("", "video")
    assert config.path == tmp_path / "a.yaml"


def test_a_path_with_equals_is_a_file_when_it_is_there(load: Load, tmp_path: Path) -> None:
    (tmp_path / "v1.2=final.yaml").write_text("streams: {a: x}")
    assert sources(load(None, "v1.2=final.yaml")) == {"a": ("x",)}


# --- streams ---------------------------------------------------------------------------------------------------------


def test_short_and_long_forms(load: Load) -> None:
    config = load("""
streams:
  one: rtsp://u:p@h/x#audio=0
  two: [rtsp://h, ffmpeg:two#audio=opus]
  map: {url: rtsp://h, keep: on, linger: 1m30s, rotate: 90}
  maps: {url: [a, b]}
  none:
  7: rtsp://seven
""")
    assert sources(config) == {
        "one": ("rtsp://u:p@h/x#audio=0",),
        "two": ("rtsp://h", "ffmpeg:two#audio=opus"),
        "map": ("rtsp://h",),
        "maps": ("a", "b"),
        "none": (),
        "7": ("rtsp://seven",),
    }
    stream = config.streams["map"]
    assert (stream.keep, stream.linger, stream.rotate) == (True, 90.0, 90)
    assert not config.problems
    assert "u:p" not in repr(config)


def test_one_bad_stream_does_not_stop_the_others(load: Load) -> None:
    config = load("streams:\n  a: {rtsp: //h}\n  b: [x, {y: z}, null, [1]]\n  c: good\n  d: {url: x, linger: soon}\n")
    assert sources(config) == {"a": (), "b": ("x",), "c": ("good",), "d": ("x",)}
    assert {(problem.line, problem.key) for problem in config.problems} == {
        (2, "streams.a.rtsp"), (3, "streams.b"), (5, "streams.d.linger"),
    }  # fmt: skip
    assert all(problem.file == "a.yaml" for problem in config.problems)


def test_anchors_and_merge_keys(load: Load) -> None:
    config = load("""
x: &base {keep: true, url: rtsp://base}
streams:
  a: {<<: *base, url: rtsp://a}
  b: *base
  c: [&u rtsp://c, *u]
""")
    assert sources(config) == {"a": ("rtsp://a",), "b": ("rtsp://base",), "c": ("rtsp://c", "rtsp://c")}
    assert config.streams["a"].keep


def test_unknown_and_unsupported_are_named_once(load: Load) -> None:
    config = load("homekit: {}\nfoo: 1\nwebrtc: {candidate: [x]}\nexec: {allow_paths: [ffmpeg], other: 1}")
    assert [(problem.key, problem.line) for problem in config.problems] == [
        ("webrtc.candidate", 3), ("homekit", 1), ("exec", 4), ("foo", 2),
    ]  # fmt: skip
    assert "candidates" in str(config.problems[0])
    assert config.app.exec_paths == ("ffmpeg",)


# --- scalars as Go reads them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0123", "1e3", "yes", "null ", "1_000", "2026-11-21", "12:30"])
def test_a_password_is_the_text_that_was_written(load: Load, text: str) -> None:
    if text.strip() == "null":
        text = "'null'"
    assert load(f"api: {{username: u, password: {text}}}").api.password.open() == text.strip("'")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("yes", True), ("On", True), ("n", False), ("'no'", False)]
)
def test_booleans(load: Load, text: str, value: bool) -> None:
    assert load(f"api: {{local_auth: {text}}}").api.local_auth is value


@pytest.mark.parametrize(("text", "value"), [("1472", 1472), ("0x10", 16), ("010", 8), ("0o10", 8), ("1_0", 10)])
def test_numbers(load: Load, text: str, value: int) -> None:
    assert load(f"rtsp: {{pkt_size: {text}}}").rtsp.pkt_size == value


def test_settings(load: Load) -> None:
    settings = load("go2py: {linger: 3, backlog: 500ms, gop_bytes: 4MB, jitter: 0.5, watchdog_intervals: 7}").settings
    assert (settings.linger, settings.backlog, settings.gop_bytes) == (3.0, 0.5, 4 << 20)
    assert (settings.jitter, settings.watchdog_intervals, settings.wait) == (0.5, 7, 5.0)


# --- substitution ----------------------------------------------------------------------------------------------------


def test_substitution(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "FILE").write_text("from-file\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "secrets"), "FILE": "no", "OUT": "from-env", "OWN": "no"}
    config = load(
        "env: {OWN: '${OUT}-own'}\nstreams:\n  a: [${OWN}, ${FILE}, ${OUT}, ${NO:de:fault}, ${NO:}x]\n  c: ${NO}",
        '{"streams": {"b": "${OUT}"}}',
        environ=environ,
    )
    assert sources(config) == {
        "a": ("from-env-own", "from-file", "from-env", "de:fault", "x"),
        "c": ("${NO}",),
        "b": ("${OUT}",),  # inline texts are left alone
    }
    assert [problem.key for problem in config.problems] == ["streams.c", "streams.b"]


def test_lines_hold_behind_values_of_several_lines(load: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load("streams:\n  a: [${LINES}]\n\napi: {listen: x}", environ={"LINES": "x,\n  y,\n  z"})
    assert (caught.value.line, caught.value.key) == (4, "api.listen")


def test_env_of_an_earlier_file_counts(load: Load, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("streams: {a: 'rtsp://${HOST}/x'}")
    assert sources(load("env: {HOST: camera.lan}", "b.yaml")) == {"a": ("rtsp://camera.lan/x",)}


# --- fails closed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("api: [1]", 1, "api"),
        ("api: {password: x}", 1, "api.password"),
        ("api: {username: x}", 1, "api.username"),
        ("api:\n  username: [a]", 2, "api.username"),
        ("api: {username: u, password: '${NOBODY}'}", 1, "api.password"),
        ("api:\n  username: u\n  password: ${ODD}", 3, "api.password"),
        ("api: {allow_paths: }", 1, "api.allow_paths"),
        ("api: {allow_paths: [/api, {a: b}]}", 1, "api.allow_paths"),
        ("api: {alow_paths: [/api]}", 1, "api.alow_paths"),
        ("api: {Password: x}", 1, "api.Password"),
        ("api: {local_auth: maybe}", 1, "api.local_auth"),
        ("api: {listen: 1984}", 1, "api.listen"),
        ("api: {trust: [10.0.0.0/40]}", 1, "api.trust"),
        ("api: {trusted_proxies: proxy.lan}", 1, "api.trusted_proxies"),
        ("api: {base_path: 'a b'}", 1, "api.base_path"),
        ("api: {tls_listen: ':443'}", 1, "api.tls_listen"),
        ("api: {listen: ':1'}\napi: {listen: ':2'}", 2, "api"),
        ("api: {username: u, password: a, password: b}", 1, "api.password"),
        ("rtsp: {username: u}", 1, "rtsp.username"),
        ("rtsp: {pasword: u}", 1, "rtsp.pasword"),
        ("rtsp: {username: u, password: {a: b}}", 1, "rtsp.password"),
        ("rtsp: 8554", 1, "rtsp"),
        ("app: {modules: {api: true}}", 1, "app.modules"),
        ("app: {modules: }", 1, "app.modules"),
        ("app: {module: [api]}", 1, "app.module"),
        ("exec: {allow_paths: }", 1, "exec.allow_paths"),
        ("echo: {allow_paths: [[a]]}", 1, "echo.allow_paths"),
        ("streams: [\n", 2, ""),
        ("a: 1\n---\nb: 2", 2, ""),
        ("just text", 1, ""),
        ("a: \x01", 1, ""),
        ("a: *hidden", 1, ""),
        ("<<: 5\na: b", 1, ""),
        ("? [a]\n: b", 1, ""),
    ],
)
def test_what_protects_ends_the_start(load: Load, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, environ={"ODD": "abc #def"})
    assert (caught.value.file, caught.value.line, caught.value.key) == ("a.yaml", line, key)
    assert "hidden" not in str(caught.value)
    assert "abc" not in str(caught.value)


def test_odd_values_are_fine_in_quotes(load: Load) -> None:
    config = load("api: {username: u, password: '${ODD}'}", environ={"ODD": "abc #def: [x"})
    assert config.api.password.open() == "abc #def: [x"


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "dir.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"dir\.yaml: cannot be read"):
        ConfigFiles(["dir.yaml"], directory=tmp_path).load()
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: is not UTF-8"):
        ConfigFiles(["latin.yaml"], directory=tmp_path).load()


def test_a_listener_that_makes_no_sense_stays_shut(load: Load) -> None:
    config = load("rtsp: {listen: 127.0.0.1.8554}\nwebrtc: {listen: [1], filters: {ips: {a: 1}}}")
    assert config.rtsp.listen == ""
    assert config.webrtc.endpoint is None
    assert config.webrtc.filters.ips == ()
    assert {problem.key for problem in config.problems} == {"rtsp.listen", "webrtc.listen", "webrtc.filters.ips"}


# --- other sections --------------------------------------------------------------------------------------------------


def test_api(load: Load) -> None:
    api = load(
        "api: {base_path: rtc/, trust: 192.168.1.5/24, allow_paths: [], unix_listen: /run/x, hosts: [a.lan]}"
    ).api
    assert (api.base_path, api.allow_paths, api.unix_listen, api.hosts) == ("/rtc", (), "/run/x", ("a.lan",))
    assert api.trust == (ip_network("192.168.1.0/24"),)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("':8555'", Endpoint("", 8555)),
        ("':18555/tcp'", Endpoint("", 18555, "tcp")),
        ("'[::1]:1/udp'", Endpoint("::1", 1, "udp")),
        ("''", None),
        ("':99999'", None),
    ],
)
def test_webrtc_listen(load: Load, text: str, endpoint: Endpoint | None) -> None:
    assert load(f"webrtc: {{listen: {text}}}").webrtc.endpoint == endpoint


def test_webrtc(load: Load) -> None:
    webrtc = load("""
webrtc:
  ice_servers: [{urls: stun:a}, {urls: [turn:b], username: u, credential: c}]
  filters: {udp_ports: [1, 2], networks: [udp4], interfaces: []}
""").webrtc
    assert [server.urls for server in webrtc.ice_servers] == [("stun:a",), ("turn:b",)]
    assert webrtc.filters.udp_ports == (1, 2)
    assert webrtc.filters.interfaces is None
    assert load("webrtc: {ice_servers: []}").webrtc.ice_servers == ()
    assert load("").webrtc.ice_servers == ()


def test_what_home_assistant_writes(load: Load) -> None:
    config = load("""
app: {modules: [api, exec, ffmpeg, http, mjpeg, onvif, rtmp, rtsp, srtp, webrtc, ws]}
api:
  listen: ""
  unix_listen: /tmp/x/go2rtc.sock
  allow_paths: ["/", "/api", "/api/streams"]
  local_auth: true
  username: abc
  password: def
exec: {allow_paths: [ffmpeg]}
rtsp: {listen: "127.0.0.1:18554"}
webrtc: {listen: ":18555/tcp", ice_servers: []}
""")
    assert config.api.local_auth
    assert config.app.enabled("ws")
    assert not config.app.enabled("hls")
    assert {problem.key for problem in config.problems} == {"exec"}
