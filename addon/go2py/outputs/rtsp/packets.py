"""RTP for all RTSP readers of a track: payloads cut once, headers written once for all who are in step.

A track has one SSRC and one run of sequence numbers. A reader that joins gets the cached GOP with the numbers just
below the current one, so it goes on in step; only who had to leave pictures out has them rewritten from there on.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Protocol

from ...errors import Unsupported
from ...media import codec as names
from ...media.unit import AccessUnit
from ...observe.log import fields, get_logger
from ...protocols.rtp import PacketizedUnit, packetizer_for
from ...protocols.rtp.packet import HEADER_SIZE, PLAIN
from ...streams.track import Track

DEFAULT_MTU = 1472
_SMALLEST_MTU, _LARGEST_MTU = 256, 60_000

FRAMING = 4
"""Bytes of `$`, channel and length in front of a packet on TCP (RFC 2326 section 10.12)."""

_log = get_logger("rtsp")

PARAMETER_SECONDS = 2.0
"""How long a description waits for parameter sets that the camera sends in its pictures only."""

_HEAD = Struct(">BBHBBHII")
_SIZE = _SEQUENCE = Struct(">H")
_SEQUENCE_IN_PACKET = 2


class Rendered:
    """Interleaved packets as they go over TCP.

    `sequence` is the number of the first of them, the others follow. `octets` are the bytes of all payloads.
    """

    __slots__ = ("data", "octets", "sequence")

    def __init__(self, data: bytes, packets: int, sequence: int) -> None:
        self.data = data
        self.octets = len(data) - packets * (FRAMING + HEADER_SIZE)
        self.sequence = sequence

    def shifted(self, offset: int) -> bytes | bytearray:
        """The data with `offset` added to all sequence numbers."""
        if not offset & 0xFFFF:
            return self.data
        data = bytearray(self.data)
        for number, (start, _) in enumerate(self._packets(), start=self.sequence + offset):
            _SEQUENCE.pack_into(data, start + _SEQUENCE_IN_PACKET, number & 0xFFFF)
        return data

    def datagrams(self, offset: int) -> Iterable[memoryview]:
        """Each packet without framing, as it goes over UDP."""
        view = memoryview(self.shifted(offset))
        return (view[start:end] for start, end in self._packets())

    def _packets(self) -> Iterator[tuple[int, int]]:
        """Where each packet begins and ends, without its framing."""
        end = 0
        while end < len(self.data):
            start = end + FRAMING
            end = start + _SIZE.unpack_from(self.data, start - _SIZE.size)[0]
            yield start, end


class Outgoing:
    """The packets of some consecutive access units of one track, rendered once per channel and payload type."""

    __slots__ = ("_packetized", "_rendered", "_sequence", "_ssrc", "packets", "units")

    def __init__(
        self, units: Sequence[AccessUnit], packetized: Sequence[PacketizedUnit], sequence: int, ssrc: int
    ) -> None:
        self.units = units
        self.packets = sum(len(one.payloads) for one in packetized)
        self._packetized = packetized
        self._sequence = sequence
        self._ssrc = ssrc
        self._rendered: dict[tuple[int, int], Rendered] = {}

    def rendered(self, channel: int, payload_type: int) -> Rendered:
        found = self._rendered.get((channel, payload_type))
        if found is None:
            found = self._rendered[channel, payload_type] = self._render(channel, payload_type)
        return found

    def _render(self, channel: int, payload_type: int) -> Rendered:
        parts: list[bytes] = []
        sequence, ssrc, pack = self._sequence, self._ssrc, _HEAD.pack
        for one in self._packetized:
            timestamp, step = one.pts, one.step
            left = len(one.payloads)
            for payload in one.payloads:
                left -= 1
                marker = 0 if left or not one.marker else 0x80
                parts += (
                    pack(
                        0x24, channel, HEADER_SIZE + len(payload),
                        PLAIN, marker | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc,
                    ),
                    payload,
                )  # fmt: skip
                sequence += 1
                timestamp += step
        return Rendered(b"".join(parts), self.packets, self._sequence)


class PacketReader(Protocol):
    """Who gets packets; quick, never raises."""

    def write(self, source: PacketSource, outgoing: Sequence[Outgoing]) -> None:
        """The units of one batch, each on its own."""


class PacketSource:
    """The RTP stream of one track for everybody who reads it with the same packet size. Get it by `shared`."""

    def __init__(self, track: Track, mtu: int) -> None:
        self.track = track
        self.ssrc = secrets.randbits(32)
        self._mtu = mtu
        self._packetizer = packetizer_for(track.codec, mtu - HEADER_SIZE)
        self._sequence = secrets.randbits(16)  # of the next packet; grows without bound
        self._readers: tuple[PacketReader, ...] = ()
        self._cancel: Callable[[], None] | None = None
        self._replay: Outgoing | None = None

    @classmethod
    def shared(cls, track: Track, mtu: int = 0) -> PacketSource:
        """The source that all readers of this track and packet size share. `mtu` is the size of an RTP packet with
        its header, 0 the default. Raises `Unsupported` for a codec without an RTP format."""
        mtu = min(max(mtu, _SMALLEST_MTU), _LARGEST_MTU) if mtu else DEFAULT_MTU
        source: PacketSource | None = track.shared.get(("rtsp", mtu))
        if source is None:
            source = track.shared["rtsp", mtu] = cls(track, mtu)
        return source

    def join(self, reader: PacketReader) -> Callable[[], None]:
        """Write all units from now on; the result ends that. Reading `replay` in the same step loses nothing."""
        self._readers = (*self._readers, reader)
        if self._cancel is None:
            self._cancel = self.track.subscribe(self._publish)

        def leave() -> None:
            self._readers = tuple(one for one in self._readers if one is not reader)
            if not self._readers and self._cancel is not None:
                self._cancel()
                self._cancel = self._replay = None

        return leave

    def replay(self, after: float) -> Outgoing | None:
        """The cached GOP, or the sound that is not older than `after` seconds on the stream's clock; None if there
        is none."""
        units = self.track.gop.units()
        if self.track.kind == "audio":
            units = tuple(unit for unit in units if unit.pts >= after * unit.codec.clock_rate)
        if not units:
            return None
        cached = self._replay
        if cached is None or cached.units[0] is not units[0]:  # a crowd that comes at once shares it
            packetized = [self._cut(unit) for unit in units]
            count = sum(len(one.payloads) for one in packetized)
            cached = self._replay = Outgoing(units, packetized, self._sequence - count, self.ssrc)
        return cached

    def _publish(self, track: Track, units: Sequence[AccessUnit]) -> None:
        self._replay = None
        outgoing: list[Outgoing] = []
        for unit in units:
            packetized = unit.rendered(("rtp", self._packetizer.mtu), self._cut)
            outgoing.append(Outgoing((unit,), (packetized,), self._sequence, self.ssrc))
            self._sequence += len(packetized.payloads)
        for reader in self._readers:
            reader.write(self, outgoing)

    def _cut(self, unit: AccessUnit) -> PacketizedUnit:
        if unit.codec is not self._packetizer.codec:
            try:
                self._packetizer = packetizer_for(unit.codec, self._packetizer.mtu)
            except Unsupported:
                return PacketizedUnit((), unit.pts)  # the session ends readers of a track whose codec is gone
        return self._packetizer.packetize(unit)


async def sources_of(tracks: Iterable[Track], mtu: int) -> list[PacketSource]:
    """Those that RTP can carry, once their parameters are known. Raises `Unsupported` if there are none."""
    found: list[PacketSource] = []
    refusal: Unsupported | None = None
    for track in tracks:
        try:
            found.append(PacketSource.shared(track, mtu))
        except Unsupported as error:
            refusal = error
    if refusal is not None and not found:
        raise refusal
    await asyncio.gather(*(_parameters(source.track) for source in found))
    return found


async def _parameters(track: Track) -> None:
    """Wait a moment for parameter sets that were not announced: they go into the description."""
    if track.codec.name not in (names.H264, names.H265) or track.codec.parameter_sets:
        return
    known = asyncio.Event()
    cancel = track.subscribe(lambda track, _: known.set() if track.codec.parameter_sets else None)
    try:
        async with asyncio.timeout(PARAMETER_SECONDS):
            await known.wait()
    except TimeoutError:
        _log.debug("no parameter sets yet", extra=fields(codec=track.codec.name))
    finally:
        cancel()
