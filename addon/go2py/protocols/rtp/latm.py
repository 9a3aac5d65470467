"""AAC over RTP in LATM, `MP4A-LATM` (RFC 6416, ISO 14496-3 section 1.7): read only, its units are raw AAC."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import override

from ...errors import ProtocolError
from ...media.aac import AudioConfig, build_config, read_config
from ...media.bits import BitReader
from ...media.codec import AAC, Codec
from ...media.fmtp import parameters
from ...media.unit import AccessUnit
from .aac import frame_ticks
from .base import Depacketizer, Payload

MAX_ELEMENT = 1 << 16
"""Bytes of an AudioMuxElement: a handful of frames of at most 6 kB."""


@dataclass(frozen=True, slots=True)
class MuxConfig:
    """A StreamMuxConfig with one program and one layer: its codec, and frames per element."""

    audio: AudioConfig
    frames: int
    other_bits: int = 0


def read_mux_config(bits: BitReader) -> MuxConfig:
    """Read a StreamMuxConfig. Raises `ProtocolError` for more than one program or layer, or fixed frame lengths."""
    version = bits.read(1)
    if version and bits.read(1):
        raise ProtocolError("LATM version is reserved")
    if version:
        _value(bits)  # taraBufferFullness
    same_timing = bits.flag()
    frames = bits.read(6) + 1
    if bits.read(4) or bits.read(3) or not same_timing:
        raise ProtocolError("LATM with several streams")
    if version:
        size = _value(bits)
        left = bits.left
        audio = read_config(bits)
        bits.skip(size - (left - bits.left))
    else:
        audio = read_config(bits)
    if bits.left < 11:  # a config of SDP may end with the codec
        return MuxConfig(audio, frames)
    frame_length_type = bits.read(3)
    if frame_length_type == 2:  # reserved: GStreamer leaves the codec's SBR announcement (0x2B7) here, and stops
        return MuxConfig(audio, frames)
    if frame_length_type:
        raise ProtocolError("LATM frame length type is not supported")
    bits.skip(8)  # latmBufferFullness
    other = 0
    if bits.left and bits.flag():
        other = _value(bits) if version else _escaped(bits)
    if bits.left and bits.flag():
        bits.skip(min(bits.left, 8))  # CRC
    return MuxConfig(audio, frames, other)


def _value(bits: BitReader) -> int:
    """LatmGetValue."""
    return bits.read((bits.read(2) + 1) * 8)


def _escaped(bits: BitReader) -> int:
    value = 0
    more = True
    while more:
        more = bits.flag()
        value = value << 8 | bits.read(8)
    return value


class LatmDepacketizer(Depacketizer):
    """`codec` becomes MPEG4-GENERIC with the AudioSpecificConfig; with in-band configuration (`cpresent=1`) it is only
    complete with the first unit."""

    __slots__ = ("_element", "_in_band", "_mux", "_ticks", "_timestamp", "_torn")

    def __init__(self, codec: Codec) -> None:
        values = parameters(codec.fmtp)
        super().__init__(codec.with_(name=AAC, fmtp="", config=b""))
        self._in_band = values.get("cpresent", "1") != "0"
        self._mux: MuxConfig | None = None
        self._element = bytearray()
        self._timestamp = -1
        self._torn = False  # the rest of the element is worthless
        self._ticks = 1024
        try:
            self._learn(read_mux_config(BitReader(bytes.fromhex(values.get("config", ""))[:64])))
        except ProtocolError, ValueError:
            self._in_band = True

    def _learn(self, mux: MuxConfig) -> None:
        if mux == self._mux:
            return
        self._mux = mux
        config, rate = build_config(mux.audio), mux.audio.sample_rate
        channels = mux.audio.channels or self.codec.channels
        self.codec = self.codec.with_(
            config=config, channels=channels, sample_rate=rate if rate != self.codec.clock_rate else 0
        )
        self._ticks = frame_ticks(self.codec)

    @override
    def push(
        self, sequence: int, timestamp: int, marker: bool, payload: Payload, arrived: float
    ) -> Sequence[AccessUnit]:
        known = self._next >= 0
        ordered = self._in_order(sequence)
        if timestamp != self._timestamp:
            self._reset(dropped=bool(self._element))
        self._timestamp = timestamp
        if not ordered and (self._element or known):
            self._torn = self._torn or bool(self._element) or not marker
        if len(self._element) + len(payload) > MAX_ELEMENT:
            self._torn = True
        if not self._torn:
            self._element += payload
        if not marker:
            return ()
        element, torn = bytes(self._element), self._torn
        self._reset(dropped=torn)
        if torn:
            return ()
        try:
            return self._frames(element, timestamp, arrived)
        except ProtocolError:
            self.dropped += 1
            return ()

    def _reset(self, *, dropped: bool) -> None:
        self.dropped += dropped
        self._element.clear()
        self._torn = False

    def _frames(self, element: bytes, timestamp: int, arrived: float) -> Sequence[AccessUnit]:
        bits = BitReader(element)
        if self._in_band and not bits.flag():
            self._learn(read_mux_config(bits))
        if self._mux is None:
            return ()
        units: list[AccessUnit] = []
        for index in range(self._mux.frames):
            if bits.left < 8:
                break
            size = 0
            while (part := bits.read(8)) == 255:
                size += 255
            frame = bits.bytes(size + part)
            if frame:
                units.append(self._unit(frame, timestamp + index * self._ticks & 0xFFFFFFFF, arrived))
        return units
