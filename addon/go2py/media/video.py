"""Makes the access units of any H.264 or H.265 source uniform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ProtocolError
from . import h264, h265
from .bits import BitReader, unescape
from .codec import H265, Codec
from .nal import START_CODE, has_recovery_point, split_annexb
from .unit import AccessUnit

PATIENCE = 300
"""Pictures without an IDR after which a recovery point counts as key: cameras with open GOPs or intra refresh send
an IDR once at start, or never."""

MAX_SET = 4096
"""Bytes of a parameter set that is believed."""

MAX_SETS = 64
"""Parameter sets held; more is nonsense."""

_DROP, _PICTURE, _KEY, _SET, _SEI = range(5)


@dataclass(frozen=True, slots=True)
class _Syntax:
    """What differs between the codecs: `roles` by the first byte of a NAL unit, and where things are."""

    roles: bytes
    header_size: int
    order: tuple[int, ...]
    kind: Callable[[bytes], int]
    identify: Callable[[int, bytes], int]
    size: Callable[[bytes], tuple[int, int]]
    sps: int


def _roles(kind: Callable[[bytes], int], by_role: dict[int, range | tuple[int, ...]]) -> bytes:
    table = {number: role for role, numbers in by_role.items() for number in numbers}
    return bytes(table.get(kind(bytes((first,))), _DROP) for first in range(256))


def _identify_h264(kind: int, nal: bytes) -> int:
    return BitReader(unescape(nal[4 if kind == h264.SPS else 1 : 32])).ue()


def _identify_h265(kind: int, nal: bytes) -> int:
    if kind == h265.VPS:
        return nal[2] >> 4 if len(nal) > 2 else 0
    return h265.parse_sps(nal).id if kind == h265.SPS else BitReader(unescape(nal[2:32])).ue()


def _size_h264(nal: bytes) -> tuple[int, int]:
    sps = h264.parse_sps(nal)
    return sps.width, sps.height


def _size_h265(nal: bytes) -> tuple[int, int]:
    sps = h265.parse_sps(nal)
    return sps.width, sps.height


def _kind_h264(nal: bytes) -> int:
    return nal[0] & 0x1F


_H264 = _Syntax(
    roles=_roles(_kind_h264, {_PICTURE: range(1, 5), _KEY: (h264.IDR,), _SEI: (h264.SEI,), _SET: (h264.SPS, h264.PPS)}),
    header_size=1,
    order=(h264.SPS, h264.PPS),
    kind=_kind_h264,
    identify=_identify_h264,
    size=_size_h264,
    sps=h264.SPS,
)
_H265 = _Syntax(
    roles=_roles(
        h265.nal_type,
        {_PICTURE: range(10), _KEY: range(h265.FIRST_IRAP, h265.LAST_IRAP + 1), _SEI: (39, 40), _SET: (32, 33, 34)},
    ),
    header_size=2,
    order=(h265.VPS, h265.SPS, h265.PPS),
    kind=h265.nal_type,
    identify=_identify_h265,
    size=_size_h265,
    sps=h265.SPS,
)


class _ParameterSets:
    """The parameter sets in force, by type and id."""

    __slots__ = ("_by_id", "_syntax", "all", "height", "width")

    def __init__(self, syntax: _Syntax, codec: Codec) -> None:
        self._syntax = syntax
        self._by_id: dict[tuple[int, int], bytes] = {}
        self.all: tuple[bytes, ...] = ()
        self.width, self.height = codec.width, codec.height
        self.update(codec.parameter_sets)

    def update(self, nals: Sequence[bytes]) -> bool:
        """Put in force what has arrived; tells whether anything is different now."""
        syntax = self._syntax
        fresh = [nal for nal in nals if nal not in self.all]
        if any(syntax.kind(nal) == syntax.sps for nal in fresh):
            # An older SPS under another id would only mislead about the size.
            kept = {key: nal for key, nal in self._by_id.items() if key[0] != syntax.sps or nal in nals}
            self._by_id = kept
        for nal in fresh:
            kind = syntax.kind(nal)
            try:
                key = (kind, syntax.identify(kind, nal))
            except ProtocolError:
                key = (kind, 0)  # a decoder may understand it
            if key in self._by_id or len(self._by_id) < MAX_SETS:
                self._by_id[key] = nal
        before = self.all
        self.all = tuple(nal for kind in syntax.order for (of, _), nal in sorted(self._by_id.items()) if of == kind)
        if self.all == before:
            return False
        self._measure()
        return True

    def _measure(self) -> None:
        sps = next((nal for nal in self.all if self._syntax.kind(nal) == self._syntax.sps), None)
        if sps is not None:
            try:
                self.width, self.height = self._syntax.size(sps)
            except ProtocolError:
                self.width = self.height = 0


class VideoNormalizer:
    """Turns access units as a camera sends them into the form `AccessUnit` promises.

    Drops delimiters, filler and unknown NAL units, splits those that hold start codes, learns parameter sets and puts
    them in front of key pictures. `codec` is the newest codec: a new object only when parameter sets really changed.
    """

    __slots__ = ("_arrived", "_recovery", "_roles", "_sets", "_since_idr", "_syntax", "codec")

    def __init__(self, codec: Codec) -> None:
        """For a codec named H264 or H265; sets known from SDP are used until the camera sends others."""
        self._syntax = _H265 if codec.name == H265 else _H264
        self._roles = self._syntax.roles
        self._sets = _ParameterSets(self._syntax, codec)
        self._arrived: list[bytes] = []  # parameter sets for the next picture
        self._recovery = False
        self._since_idr = PATIENCE
        self.codec = codec
        self._renew()

    def feed(self, unit: AccessUnit) -> AccessUnit | None:
        """The unit made uniform (changed in place: the caller hands it over), or None when it holds no picture."""
        roles = self._roles
        for nal in unit.units:
            if not nal or roles[nal[0]] != _PICTURE:
                return self._sort(unit)
        if self._arrived or self._recovery or not unit.units:
            return self._sort(unit)
        unit.codec = self.codec
        unit.key = False
        self._since_idr += 1
        return unit

    def _sort(self, unit: AccessUnit) -> AccessUnit | None:
        """The way of everything that is not a plain picture."""
        sets = self._arrived
        rest: list[bytes] = []
        later: list[bytes] = []  # parameter sets behind the picture belong to the next one
        picture = b""
        key = False
        for nal in self._flatten(unit.units):
            role = self._roles[nal[0]]
            if role == _SET:
                if len(nal) <= MAX_SET:
                    (later if picture else sets).append(nal.rstrip(b"\0"))
            elif role != _DROP:
                rest.append(nal)
                if role == _SEI:
                    self._recovery = self._recovery or has_recovery_point(nal, self._syntax.header_size)
                else:
                    picture = picture or nal
                    key = key or role == _KEY
        if not picture:
            self._arrived = sets[-MAX_SETS:]
            return None
        self._arrived = later
        self._since_idr = 0 if key else self._since_idr + 1
        return self._finish(unit, sets, rest, key=key or self._is_recovery(sets, picture))

    def _flatten(self, units: tuple[bytes, ...]) -> list[bytes]:
        """Cheap cameras put a whole picture with start codes into one NAL unit; slices are not searched, they are
        large and always come last."""
        nals: list[bytes] = []
        for nal in units:
            if not nal:
                continue
            if self._roles[nal[0]] not in (_PICTURE, _KEY) and START_CODE in nal:
                nals += split_annexb(nal)
            else:
                nals.append(nal)
        return nals

    def _is_recovery(self, sets: list[bytes], picture: bytes) -> bool:
        """Whether a picture that is not random access must do as one, for want of real ones."""
        if self._since_idr < PATIENCE:
            return False
        return self._recovery or (bool(sets) and self._syntax is _H264 and h264.is_intra(picture))

    def _finish(self, unit: AccessUnit, sets: list[bytes], rest: list[bytes], *, key: bool) -> AccessUnit:
        changed = bool(sets) and self._sets.update(sets)
        if changed:
            self._renew()
        self._recovery = False
        front = self._sets.all if key or changed else ()
        unit.units = (*front, *rest)
        unit.size = sum(map(len, unit.units))
        unit.codec = self.codec
        unit.key = key
        return unit

    def _renew(self) -> None:
        sets = self._sets
        if (sets.all, sets.width, sets.height) != (self.codec.parameter_sets, self.codec.width, self.codec.height):
            self.codec = self.codec.with_(parameter_sets=sets.all, width=sets.width, height=sets.height)
