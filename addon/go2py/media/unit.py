"""The one currency of the data plane: the access unit."""

from collections.abc import Callable

from .codec import Codec


class AccessUnit:
    """One coded picture, or one audio frame or packet, with its time.

    `units`: for H.264 and H.265 the NAL units in decoding order, without start codes or lengths, without access
    unit delimiters and filler; a key picture holds its parameter sets in front. For every other codec
    exactly one element, the raw frame (a whole JPEG, an AAC frame without ADTS, Opus or PCM samples).

    `pts` and `dts` count in `codec.clock_rate`. A source fills them with the camera's own timestamps (they may
    wrap and jump); the session's timeline rewrites both onto the process's monotonic clock, so that
    `pts / clock_rate` is comparable across all tracks and sources and with `time.monotonic()`.

    `key`: decoding can start here; always true for audio and JPEG. `arrived`: `time.monotonic()` of the socket read
    that completed it. `size`: bytes of all units. Treat as immutable once published.
    """

    __slots__ = ("_rendered", "arrived", "codec", "dts", "key", "pts", "size", "units")

    def __init__(
        self,
        codec: Codec,
        units: tuple[bytes, ...],
        pts: int,
        *,
        arrived: float,
        key: bool = True,
        dts: int | None = None,
    ) -> None:
        self.codec = codec
        self.units = units
        self.pts = pts
        self.dts = pts if dts is None else dts
        self.key = key
        self.arrived = arrived
        self.size = sum(map(len, units))
        self._rendered: dict[object, object] | None = None

    def rendered[T](self, form: object, render: Callable[[AccessUnit], T]) -> T:
        """The unit in another form, made once for all readers; `form` names it and must be hashable."""
        if self._rendered is None:
            self._rendered = {}
        found = self._rendered.get(form)
        if found is None:
            found = self._rendered[form] = render(self)
        return found  # type: ignore[return-value]

    def strip(self) -> None:
        """Forget the renderings: what stays in the GOP cache is held once."""
        self._rendered = None

    def avcc(self) -> bytes:
        """The NAL units, each behind its length as 4 bytes (ISO 14496-15)."""
        return self.rendered("avcc", _avcc)

    def annexb(self) -> bytes:
        """The NAL units, each behind a start code (ITU-T H.264 annex B)."""
        return self.rendered("annexb", _annexb)


def _avcc(unit: AccessUnit) -> bytes:
    parts: list[bytes] = []
    for nal in unit.units:
        parts.append(len(nal).to_bytes(4))
        parts.append(nal)
    return b"".join(parts)


def _annexb(unit: AccessUnit) -> bytes:
    return b"\0\0\0\1" + b"\0\0\0\1".join(unit.units)
