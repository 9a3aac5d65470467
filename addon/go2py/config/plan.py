"""What the gateway would do with a configuration: the answer of `go2py --check`."""

from collections.abc import Iterator, Sequence

from .values import Config


def plan(config: Config, refused: Sequence[str] = ()) -> str:
    """Streams with masked sources, listeners and who may enter, then what is not followed, and of sources what was
    `refused`; ends with a line end."""
    lines = [f"config   {config.path or 'inline only: nothing will be saved'}"]
    lines += (f"listen   {line}" for line in _listeners(config))
    lines += (f"trust    {line}" for line in _trust(config))
    if not config.streams:
        lines.append("streams  none")
    for stream in config.streams.values():
        options = [option for option, on in (("keep", stream.keep), (f"rotate {stream.rotate}", stream.rotate)) if on]
        lines.append(f"stream   {stream.name}{f' ({", ".join(options)})' if options else ''}")
        lines += (f"         {source}" for source in stream.masked or ("no source: filled by who pushes",))
    lines += (f"preload  {name}: {query}" for name, query in config.preload.items())
    lines += (f"warning  {problem}" for problem in (*config.problems, *refused))
    return "\n".join(lines) + "\n"


def _listeners(config: Config) -> Iterator[str]:
    api, rtsp, webrtc = config.api, config.rtsp, config.webrtc
    if config.app.enabled("api"):
        yield from (
            f"{name} {address}"
            for name, address in (("http", api.listen), ("unix", api.unix_listen), ("https", api.tls_listen))
            if address
        )
    if config.app.enabled("rtsp") and rtsp.listen:
        yield f"rtsp {rtsp.listen}{' with udp' if rtsp.udp else ''}"
    if config.app.enabled("webrtc") and webrtc.endpoint:
        yield f"webrtc {webrtc.listen}"


def _trust(config: Config) -> Iterator[str]:
    api = config.api
    yield "loopback and unix socket need credentials" if api.local_auth else "loopback and unix socket: open"
    yield f"everybody else needs the {'configured' if api.username else 'generated'} user and password"
    yield from (f"{network}: open, as configured" for network in api.trust)
    yield from (f"{network}: a proxy that speaks for others" for network in api.trusted_proxies)
    if api.allow_paths is not None:
        yield f"paths served: {', '.join(api.allow_paths) or 'none'}"
