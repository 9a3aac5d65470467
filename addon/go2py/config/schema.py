"""The known sections, one function each: from a document's tree to typed values.

Fails closed: mistakes in `api`, in the credentials of `rtsp`, in `app.modules` and in any `allow_paths` raise; a
listener elsewhere whose address makes no sense stays shut.
"""

import re
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from ..observe.log import LEVELS, LogConfig
from ..observe.secret import Secret
from .document import Mapping, Node, Scalar, Sequence, as_number, target
from .section import Report, Section
from .settings import StreamSettings
from .substitute import PATTERN
from .talk import talk_settings
from .values import (
    ApiConfig,
    AppConfig,
    CandidateFilters,
    Config,
    DiscoveryConfig,
    Endpoint,
    IceServer,
    Network,
    PlayConfig,
    RtspConfig,
    StreamConfig,
    WebRtcConfig,
)

LATER = (
    "echo", "exec", "expr", "ffmpeg", "hass", "homekit", "ngrok", "pinggy", "publish", "rtmp", "srtp", "webtorrent",
    "wyoming", "wyze", "xiaomi",
)  # fmt: skip
"""Sections of go2rtc that go2py does not follow yet."""

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[^\s:/\[\]]*):(?P<port>\d{1,5})(?:/(?P<network>tcp|udp))?")
_API = frozenset(field.name for field in fields(ApiConfig))
_CREDENTIALS = frozenset({"username", "password"})
_ALLOW = frozenset({"allow_paths"})
_NETWORKS = frozenset({"udp4", "udp6", "tcp4", "tcp6"})
DEFAULT_PRELOAD = "video&audio"


def endpoint(text: str, *, suffix: bool = False) -> Endpoint | None:
    """`host:port` as a value, None when it is none; `suffix` allows `/tcp` and `/udp` behind it."""
    match = _ADDRESS.fullmatch(text)
    if not match or int(match["port"]) > 65535 or (match["network"] and not suffix):
        return None
    network: Literal["", "tcp", "udp"] = "tcp" if match["network"] == "tcp" else "udp" if match["network"] else ""
    return Endpoint(match["host"].strip("[]"), int(match["port"]), network)


def read(root: Node | None, report: Report) -> Config:
    """The configuration that a document describes. Raises `ConfigError`; lesser mistakes go into the report."""
    top = Section(report, "", root)
    config = Config(
        streams=_streams(top),
        api=_api(top),
        rtsp=_rtsp(top),
        webrtc=_webrtc(top),
        discovery=_discovery(top),
        log=_log(top),
        app=_app(top),
        play=_play(top),
        preload=_preload(top),
        publish=_publish(top),
        settings=_settings(top),
    )
    top.node("env")
    for name in top:
        if name in LATER and top.node(name) is not None:
            report.problem("this section is not supported yet and ignored", name, top.key_node(name))
    top.done("this section is unknown and ignored")
    return Config(
        **{field.name: getattr(config, field.name) for field in fields(Config) if field.name != "problems"},
        problems=tuple(report.problems),
    )


def _api(top: Section) -> ApiConfig:
    section = Section(top.report, "api", top.node("api"), strict=_API)
    default = ApiConfig()
    api = ApiConfig(
        listen=_listen(section, "listen", default.listen),
        unix_listen=section.text("unix_listen"),
        tls_listen=_listen(section, "tls_listen", ""),
        ingress_listen=_listen(section, "ingress_listen", ""),
        tls_cert=section.text("tls_cert"),
        tls_key=section.secret("tls_key"),
        username=section.text("username"),
        password=section.secret("password"),
        local_auth=section.boolean("local_auth"),
        base_path=_base_path(section),
        static_dir=section.text("static_dir"),
        origin=section.text("origin"),
        allow_paths=section.texts("allow_paths"),
        trust=_networks(section, "trust"),
        trusted_proxies=_networks(section, "trusted_proxies"),
        hosts=section.texts("hosts") or (),
    )
    _both_or_none(section)
    if api.tls_listen and not (api.tls_cert and api.tls_key):
        section.fail("tls_listen", "needs tls_cert and tls_key")
    section.done()
    return api


def _both_or_none(section: Section) -> None:
    """A user without a password, or the other way round, protects nothing."""
    username, password = section.text("username"), section.text("password")
    if bool(username) != bool(password):
        there, missing = ("username", "password") if username else ("password", "username")
        section.fail(there, f"needs {section.path(missing)} as well")


def _listen(section: Section, key: str, default: str) -> str:
    text = section.text(key, default)
    if not text or endpoint(text):
        return text
    example = f":{text}" if text.isdecimal() else default or ":1443"
    section.fail(key, f"{text!r} is no address to listen on; write host:port, like {example}, or '' for none")
    return ""


def _base_path(section: Section) -> str:
    text = section.text("base_path").strip("/")
    if not text:
        return ""
    if re.search(r"[\s?#%\\]|//", text):
        section.fail("base_path", "a path like /rtc is expected")
    return f"/{text}"


def _networks(section: Section, key: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for text in section.texts(key) or ():
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            section.fail(key, f"{text!r} is no network; write one like 192.168.1.0/24 or an address")
    return tuple(found)


def _rtsp(top: Section) -> RtspConfig:
    section = Section(top.report, "rtsp", top.node("rtsp"), strict=_CREDENTIALS | {"local_auth"})
    default = RtspConfig()
    listen = section.text("listen", default.listen, fallback="")
    if listen and not endpoint(listen):
        section.fail("listen", f"{listen!r} is no address to listen on, RTSP stays off; write one like :8554")
        listen = ""
    rtsp = RtspConfig(
        listen=listen,
        username=section.text("username"),
        password=section.secret("password"),
        default_query=section.text("default_query", default.default_query),
        pkt_size=section.integer("pkt_size", default.pkt_size),
        udp=section.boolean("udp"),
        local_auth=section.boolean("local_auth"),
    )
    _both_or_none(section)
    section.done()
    return rtsp


def _webrtc(top: Section) -> WebRtcConfig:
    section = Section(top.report, "webrtc", top.node("webrtc"))
    listen = section.text("listen", ":8555", fallback="")
    where = endpoint(listen, suffix=True)
    if listen and not where:
        section.fail("listen", f"{listen!r} is no address, no fixed port is opened; write one like :8555 or :8555/tcp")
        listen = ""
    webrtc = WebRtcConfig(
        listen=listen,
        endpoint=where,
        candidates=section.texts("candidates") or (),
        ice_servers=_ice_servers(section),
        filters=_filters(section),
    )
    section.done()
    return webrtc


def _ice_servers(webrtc: Section) -> tuple[IceServer, ...]:
    node = webrtc.node("ice_servers")
    if node is not None and not isinstance(node, Sequence):
        webrtc.fail("ice_servers", "a list is expected; [] is the empty one", node)
        return ()
    servers = []
    for item in node.items if isinstance(node, Sequence) else ():
        section = Section(webrtc.report, webrtc.path("ice_servers"), item)
        server = IceServer(section.texts("urls") or (), section.text("username"), section.secret("credential"))
        if server.urls:
            servers.append(server)
        section.done()
    return tuple(servers)


def _filters(webrtc: Section) -> CandidateFilters:
    section = Section(webrtc.report, webrtc.path("filters"), webrtc.node("filters"))

    def limit(key: str) -> tuple[str, ...] | None:
        """An empty list does not limit; one that cannot be read lets nothing through."""
        texts = section.texts(key)
        node = section.node(key)
        return texts or (() if node is not None and not (isinstance(node, Sequence) and not node.items) else None)

    networks = limit("networks")
    if networks and (wrong := set(networks) - _NETWORKS):
        section.fail("networks", f"{', '.join(sorted(wrong))} is none of {', '.join(sorted(_NETWORKS))}")
        networks = tuple(network for network in networks if network in _NETWORKS)
    ports = section.texts("udp_ports")
    udp_ports: tuple[int, int] | None = None
    if ports:
        numbers = [int(port) for port in ports if port.isdecimal() and len(port) <= 5 and int(port) <= 65535]
        if len(ports) == len(numbers) == 2 and 0 < numbers[0] <= numbers[1]:
            udp_ports = numbers[0], numbers[1]
        else:
            section.fail("udp_ports", "the first and the last port are expected, like [50000, 50100]")
    filters = CandidateFilters(
        loopback=section.boolean("loopback"),
        interfaces=limit("interfaces"),
        ips=limit("ips"),
        networks=networks,
        udp_ports=udp_ports,
        candidates=limit("candidates"),
    )
    section.done()
    return filters


def _discovery(top: Section) -> DiscoveryConfig:
    section = Section(top.report, "discovery", top.node("discovery"))
    discovery = DiscoveryConfig(section.boolean("announce", DiscoveryConfig().announce))
    section.done()
    return discovery


def _app(top: Section) -> AppConfig:
    section = Section(top.report, "app", top.node("app"), strict=frozenset({"modules"}))
    modules = section.texts("modules")
    section.done()
    bounds = {}
    for name in ("exec", "echo"):
        bounds[name] = Section(top.report, name, top.node(name), strict=_ALLOW).texts("allow_paths")
    return AppConfig(None if modules is None else frozenset(modules), bounds["exec"], bounds["echo"])


def _play(top: Section) -> PlayConfig:
    section = Section(top.report, "play", top.node("play"))
    folders = [Path(text) for text in section.texts("folders") or ()]
    for folder in folders:
        if not folder.is_absolute():
            section.fail("folders", f"{folder} is no absolute path")
    tts = Section(top.report, "play.tts", section.node("tts"))
    url = tts.secret("url")
    if url and not url.open().startswith(("http://", "https://")):
        tts.fail("url", "an address like http://192.0.2.9/say?text={text} is expected")
        url = Secret("")
    config = PlayConfig(tuple(one for one in folders if one.is_absolute()), url, tts.texts("command") or ())
    tts.done()
    section.done()
    return config


def _log(top: Section) -> LogConfig:
    section = Section(top.report, "log", top.node("log"))
    default = LogConfig()
    values = {key: section.text(key, getattr(default, key)) for key in ("level", "format", "output", "time")}
    modules = {key: section.text(key) for key in section if key not in values and section.node(key) is not None}
    for key, level in {"level": values["level"], **modules}.items():
        if level not in LEVELS and key != "ffmpeg":  # ffmpeg's own names of levels
            section.fail(key, f"{level!r} is no level; levels are {', '.join(LEVELS)}")
    if values["format"] not in {"", "color", "text", "json"}:
        section.fail("format", "color, text or json is expected")
        values["format"] = default.format
    if values["level"] not in LEVELS:
        values["level"] = default.level
    return LogConfig(**values, modules={key: level for key, level in modules.items() if level in LEVELS})


def _streams(top: Section) -> dict[str, StreamConfig]:
    section = Section(top.report, "streams", top.node("streams"))
    return {name: _stream(section, name) for name in section}


def _stream(streams: Section, name: str) -> StreamConfig:
    node = streams.node(name)
    if not isinstance(node, Mapping):
        return StreamConfig(name, _sources(streams, name))
    section = Section(streams.report, streams.path(name), node)
    linger = section.seconds("linger", -1)
    rotate = section.integer("rotate", 0)
    if rotate not in {0, 90, 180, 270}:
        section.fail("rotate", "0, 90, 180 or 270 degrees are expected")
        rotate = 0
    stream = StreamConfig(
        name,
        _sources(section, "url"),
        keep=section.boolean("keep"),
        linger=None if linger < 0 else linger,
        rotate=rotate,
        talk=talk_settings(section, "talk"),
    )
    section.done()
    return stream


def _sources(section: Section, key: str) -> tuple[str, ...]:
    """The texts of one source or of a list; what is no text is reported and left out."""
    node = section.node(key)
    if node is None:
        return ()
    found = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        value = target(item)
        if isinstance(value, Mapping):
            section.fail(key, "a source is a text; a blank behind its colon makes it a mapping, quotes help", item)
        elif not isinstance(value, Scalar) or value.is_null or not value.text.strip():
            section.fail(key, "a source is expected, like rtsp://192.0.2.7/stream", item)
        else:
            if name := PATTERN.search(value.text):
                section.fail(key, f"nothing has a value for {name[0]}", item)
            found.append(value.text)
    return tuple(found)


def _preload(top: Section) -> dict[str, str]:
    section = Section(top.report, "preload", top.node("preload"))
    return {name: section.text(name) or DEFAULT_PRELOAD for name in section}


def _publish(top: Section) -> dict[str, tuple[str, ...]]:
    section = Section(top.report, "publish", top.node("publish"))
    return {name: section.texts(name) or () for name in section}


def _settings(top: Section) -> StreamSettings:
    section = Section(top.report, "go2py", top.node("go2py"))
    values: dict[str, float] = {}
    for setting in fields(StreamSettings):
        default = getattr(StreamSettings(), setting.name)
        if isinstance(default, bool):
            values[setting.name] = section.boolean(setting.name, default)
        elif isinstance(default, int):
            values[setting.name] = section.size(setting.name, default)
        elif setting.name in {"watchdog_intervals", "jitter"}:
            values[setting.name] = section.number(setting.name, default, as_number, "a number")
        else:
            values[setting.name] = section.seconds(setting.name, default)
    section.done()
    return StreamSettings(**values)  # type: ignore[arg-type]
