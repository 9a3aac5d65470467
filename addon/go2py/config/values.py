"""The configuration as typed, immutable values: what the rest of the gateway reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from ..observe.log import LogConfig
from ..observe.secret import Secret, mask
from .settings import StreamSettings, TalkSettings

NO_SECRET = Secret("")

type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the configuration says that is not followed; the rest of it is. `str()` is the sentence for the log."""

    message: str
    key: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.key}: {self.message}" if self.key else f"{where}{self.message}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens. An empty host is every address; `network` limits it to `tcp` or `udp`."""

    host: str
    port: int
    network: Literal["", "tcp", "udp"] = ""

    @property
    def tcp(self) -> bool:
        return self.network != "udp"

    @property
    def udp(self) -> bool:
        return self.network != "tcp"


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """One entry of `streams:`. Sources are go2rtc's texts, secrets included, and print masked.

    `linger` in seconds overrides the general setting, `keep` never lets the sources stop, `rotate` in degrees is
    one of 0, 90, 180, 270.
    """

    name: str
    sources: tuple[str, ...] = field(default=(), repr=False)
    keep: bool = False
    linger: float | None = None
    rotate: int = 0
    talk: TalkSettings = field(default_factory=TalkSettings)

    @property
    def masked(self) -> tuple[str, ...]:
        return tuple(mask(source) for source in self.sources)


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """`api:`. Listeners are addresses as written, empty is off; `allow_paths` None allows every path; `hosts` are
    names by which the gateway may be addressed, besides its own; `ingress_listen` is a second `listen`."""

    listen: str = ":1984"
    unix_listen: str = ""
    tls_listen: str = ""
    ingress_listen: str = ""
    tls_cert: str = ""
    tls_key: Secret = NO_SECRET
    username: str = ""
    password: Secret = NO_SECRET
    local_auth: bool = False
    base_path: str = ""
    static_dir: str = ""
    origin: str = ""
    allow_paths: tuple[str, ...] | None = None
    trust: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RtspConfig:
    """`rtsp:`. `pkt_size` 0 leaves the packet size to the source; `udp` lets readers set up UDP; `local_auth` asks
    loopback for credentials too."""

    listen: str = ":8554"
    username: str = ""
    password: Secret = NO_SECRET
    default_query: str = "video&audio"
    pkt_size: int = 0
    udp: bool = False
    local_auth: bool = False


@dataclass(frozen=True, slots=True)
class IceServer:
    urls: tuple[str, ...]
    username: str = ""
    credential: Secret = NO_SECRET


@dataclass(frozen=True, slots=True)
class CandidateFilters:
    """`webrtc.filters`: None does not limit. `networks` are of `udp4 udp6 tcp4 tcp6`, `udp_ports` first and last."""

    loopback: bool = False
    interfaces: tuple[str, ...] | None = None
    ips: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    udp_ports: tuple[int, int] | None = None
    candidates: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class WebRtcConfig:
    """`webrtc:`. `listen` as written (`host:port[/tcp|/udp]`), `endpoint` the same parsed, None when off.

    Unlike go2rtc no public STUN server is asked unless one is configured.
    """

    listen: str = ":8555"
    endpoint: Endpoint | None = field(default_factory=lambda: Endpoint("", 8555))
    candidates: tuple[str, ...] = ()
    ice_servers: tuple[IceServer, ...] = ()
    filters: CandidateFilters = field(default_factory=CandidateFilters)


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """`discovery:`. `announce` has the network told that the gateway is here, if it listens to more than loopback."""

    announce: bool = True


@dataclass(frozen=True, slots=True)
class PlayConfig:
    """`play:`. Files below `folders` may be played into cameras. `tts_url` and `tts_command` speak `{text}` with
    `{voice}`; the command gets the text by its standard input where no argument names it."""

    folders: tuple[Path, ...] = ()
    tts_url: Secret = NO_SECRET
    tts_command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AppConfig:
    """`app:` and the lists that bound which programs run; None is no bound."""

    modules: frozenset[str] | None = None
    exec_paths: tuple[str, ...] | None = None
    echo_paths: tuple[str, ...] | None = None

    def enabled(self, module: str) -> bool:
        """Whether a go2rtc module of this name runs; `app` and `streams` always do."""
        return self.modules is None or module in self.modules or module in {"app", "streams"}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured. `path` is the file that saves go to, None when only inline texts were given."""

    streams: Mapping[str, StreamConfig] = field(default_factory=dict)
    api: ApiConfig = field(default_factory=ApiConfig)
    rtsp: RtspConfig = field(default_factory=RtspConfig)
    webrtc: WebRtcConfig = field(default_factory=WebRtcConfig)
    discovery: DiscoveryConfig = field(default_factory=DiscoveryConfig)
    log: LogConfig = field(default_factory=LogConfig)
    app: AppConfig = field(default_factory=AppConfig)
    play: PlayConfig = field(default_factory=PlayConfig)
    preload: Mapping[str, str] = field(default_factory=dict)
    publish: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: StreamSettings = field(default_factory=StreamSettings)
    path: Path | None = None
    files: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), compare=False)
