"""The RTSP headers `Transport` and `Session` (RFC 2326, 12.39 and 12.37), parsed as loosely as cameras write them."""

import re
from dataclasses import dataclass
from typing import Literal, Self

from ..errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Transport:
    """One transport of a `Transport` header (RFC 2326, 12.39). Pairs are RTP, RTCP."""

    protocol: Literal["tcp", "udp"] = "tcp"
    interleaved: tuple[int, int] | None = None
    client_port: tuple[int, int] | None = None
    server_port: tuple[int, int] | None = None
    multicast: bool = False
    source: str = ""
    ssrc: int | None = None
    mode: str = ""

    @classmethod
    def parse(cls, header: str) -> Self:
        """The first transport that the header names; raises `ProtocolError` where there is none."""
        return cls._parse_one(header.partition(",")[0])

    @classmethod
    def parse_all(cls, header: str) -> tuple[Self, ...]:
        """All alternatives that are RTP/AVP, in order of preference; the others are left out."""
        found = []
        for part in header.split(",")[:16]:
            try:
                found.append(cls._parse_one(part))
            except ProtocolError:
                continue
        return tuple(found)

    @classmethod
    def _parse_one(cls, text: str) -> Self:
        specifier, *parts = (part.strip() for part in text.split(";"))
        values: dict[str, str] = {}
        for part in parts:
            key, _, value = part.partition("=")
            values.setdefault(key.strip().lower(), value.strip().strip('"'))
        profile = specifier.upper()
        if not profile.startswith("RTP/"):
            raise ProtocolError("the Transport header names no RTP transport")
        ssrc = values.get("ssrc", "")
        return cls(
            # some cameras answer `RTP/AVP` and mean TCP (Escam Q6)
            protocol="tcp" if profile.endswith("/TCP") or "interleaved" in values else "udp",
            interleaved=_pair(values.get("interleaved", ""), 255),
            client_port=_pair(values.get("client_port", ""), 65535),
            server_port=_pair(values.get("server_port", ""), 65535),
            multicast="multicast" in values,
            source=values.get("source", ""),
            ssrc=int(ssrc, 16) if re.fullmatch("[0-9A-Fa-f]{1,8}", ssrc) else None,
            mode=values.get("mode", ""),
        )

    def __str__(self) -> str:
        parts = ["RTP/AVP/TCP" if self.protocol == "tcp" else "RTP/AVP", "multicast" if self.multicast else "unicast"]
        if self.source:
            parts.append(f"source={self.source}")
        pairs = {"interleaved": self.interleaved, "client_port": self.client_port, "server_port": self.server_port}
        parts += [f"{name}={pair[0]}-{pair[1]}" for name, pair in pairs.items() if pair]
        if self.ssrc is not None:
            parts.append(f"ssrc={self.ssrc:08X}")
        if self.mode:
            parts.append(f"mode={self.mode}")
        return ";".join(parts)


def _pair(text: str, limit: int) -> tuple[int, int] | None:
    """`4-5`, `4` or `4-` (the second number then follows the first); none where there is no number in range."""
    found = re.match(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", text, re.ASCII)
    if found is None:
        return None
    first = int(found[1])
    second = int(found[2]) if found[2] else first + 1
    return (first, second) if first <= limit and second <= limit + 1 else None


@dataclass(frozen=True, slots=True)
class Session:
    """The `Session` header: `id;timeout=60`; `timeout` in seconds, 0 where it is not said."""

    id: str
    timeout: int = 0

    @classmethod
    def parse(cls, header: str) -> Self:
        """Raises `ProtocolError` for an empty id."""
        id_, *parts = (part.strip() for part in header.split(";"))
        if not id_:
            raise ProtocolError("the Session header is empty")
        timeout = 0
        for part in parts:
            key, _, value = part.partition("=")
            if key.strip().lower() == "timeout" and (found := re.match(r"\s*(\d{1,6})", value, re.ASCII)):
                timeout = int(found[1])
        return cls(id_, timeout)

    def __str__(self) -> str:
        return f"{self.id};timeout={self.timeout}" if self.timeout else self.id
