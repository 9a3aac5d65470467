"""The configuration of a gateway that runs as Home Assistant's app.

What the user set on the app's page wins over the file. Supervisor's ingress gets a listener of its own. Ports that
another program of the host has are replaced by free ones.
"""

import json
from collections import abc
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

from ..errors import ConfigError
from ..observe.log import LEVELS
from ..observe.secret import Secret, remember
from .load import ConfigFiles
from .ports import Ports
from .schema import endpoint
from .values import NO_SECRET, ApiConfig, Config, Endpoint, Problem, RtspConfig, WebRtcConfig

OPTIONS_FILE = "options.json"
SUPERVISOR = ip_network("172.30.32.2/32")
"""Where ingress comes from, and nobody else: it checked who the user is."""
INGRESS = "172.30.32.1:61984"
"""The host's address in Supervisor's network, and the `ingress_port` of `config.yaml`."""
_MAX_FILE = 64 << 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the app's page offers; empty and 0 leave it to the file."""

    log_level: str = ""
    username: str = ""
    password: Secret = NO_SECRET
    api_port: int = 0
    rtsp_port: int = 0
    webrtc_port: int = 0


def read_options(folder: Path) -> Options:
    """Supervisor's `options.json`, none at all being none set. Raises `ConfigError`."""
    path = folder / OPTIONS_FILE
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_MAX_FILE))
    except FileNotFoundError:
        return Options()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path.name) from None
    except ValueError, RecursionError:
        raise ConfigError("is not JSON", file=path.name) from None
    if not isinstance(values, dict):
        raise ConfigError("a mapping is expected", file=path.name)
    level, user, password = (_text(values, key) for key in ("log_level", "username", "password"))
    if level and level not in LEVELS:
        raise ConfigError(f"levels are {', '.join(LEVELS)}", file=path.name, key="log_level")
    if bool(user) != bool(password):
        raise ConfigError("username and password need each other", file=path.name)
    remember(password)
    ports = (_port(values, key) for key in ("api_port", "rtsp_port", "webrtc_port"))
    return Options(level, user, Secret(password), *ports)


def _text(values: abc.Mapping[str, object], key: str) -> str:
    value = values.get(key) or ""
    if not isinstance(value, str):
        raise ConfigError("a text is expected", file=OPTIONS_FILE, key=key)
    return value


def _port(values: abc.Mapping[str, object], key: str) -> int:
    value = values.get(key) or 0
    if not isinstance(value, int) or not 0 <= value <= 65535:
        raise ConfigError("a port is expected", file=OPTIONS_FILE, key=key)
    return value


class HostedFiles(ConfigFiles):
    """The files of an app, whose private folder holds its options. A reload finds the same ports again."""

    def __init__(
        self,
        arguments: abc.Sequence[str],
        folder: Path,
        *,
        directory: Path | None = None,
        environ: abc.Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(arguments, directory=directory, environ=environ)
        self._folder = folder
        self._ports = Ports()

    def load(self, text: str | None = None) -> Config:
        """As `ConfigFiles.load`, adapted to the host. Raises `ConfigError`."""
        return self._adapted(super().load(text), read_options(self._folder))

    def _adapted(self, config: Config, options: Options) -> Config:
        api, rtsp, webrtc = _with_options(config, options)
        problems = list(config.problems)
        avoid = {where.port for where in map(endpoint, (api.listen, rtsp.listen)) if where}
        if webrtc.endpoint:
            avoid.add(webrtc.endpoint.port)

        def free(key: str, listen: str, where: Endpoint | None) -> str:
            if not where:
                return listen
            port = self._ports.choose(where, avoid=avoid)
            if port == where.port:
                return listen
            avoid.add(port)
            sentence = f"another program of this machine has port {where.port}, maybe go2rtc or Frigate; {port} is used"
            problems.append(Problem(sentence, key))
            return _with_port(listen, port)

        tcp = endpoint(api.listen)
        api = replace(
            api,
            listen=free("api.listen", api.listen, tcp and replace(tcp, network="tcp")),
            ingress_listen=api.ingress_listen or INGRESS,
            trust=(*api.trust, SUPERVISOR),
            trusted_proxies=(*api.trusted_proxies, SUPERVISOR),
        )
        tcp = endpoint(rtsp.listen)
        rtsp = replace(rtsp, listen=free("rtsp.listen", rtsp.listen, tcp and replace(tcp, network="tcp")))
        listen = free("webrtc.listen", webrtc.listen, webrtc.endpoint)
        webrtc = replace(webrtc, listen=listen, endpoint=endpoint(listen, suffix=True))
        log = replace(config.log, level=options.log_level or config.log.level)
        return replace(config, api=api, rtsp=rtsp, webrtc=webrtc, log=log, problems=tuple(problems))


def _with_options(config: Config, options: Options) -> tuple[ApiConfig, RtspConfig, WebRtcConfig]:
    """A port that is set opens a listener that the file had closed."""
    api, rtsp, webrtc = config.api, config.rtsp, config.webrtc
    if options.username:
        api = replace(api, username=options.username, password=options.password)
    if options.api_port:
        api = replace(api, listen=_with_port(api.listen, options.api_port))
    if options.rtsp_port:
        rtsp = replace(rtsp, listen=_with_port(rtsp.listen, options.rtsp_port))
    if options.webrtc_port:
        listen = _with_port(webrtc.listen, options.webrtc_port)
        webrtc = replace(webrtc, listen=listen, endpoint=endpoint(listen, suffix=True))
    return api, rtsp, webrtc


def _with_port(listen: str, port: int) -> str:
    """`host:port[/network]` with another port."""
    address, slash, network = listen.partition("/")
    return f"{address.rpartition(':')[0]}:{port}{slash}{network}"
