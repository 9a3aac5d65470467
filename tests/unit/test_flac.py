"""PCM and G.711 in FLAC frames: libav decodes them to the very samples."""

import io
from array import array

import av
import pytest

from go2py.errors import ProtocolError
from go2py.media import flac
from go2py.media.codec import Codec


def pcm(name: str, channels: int = 1, rate: int = 8_000) -> Codec:
    return Codec(name, "audio", rate, channels)


def decode(codec: Codec, packets: list[bytes]) -> list[int]:
    """The interleaved samples that libav finds in a FLAC file of these packets."""
    encoder = flac.Encoder(codec)
    block = flac.stream_info(codec.rate, codec.channels or 1)
    data, number = b"fLaC\x80" + len(block).to_bytes(3) + block, 0
    for packet in packets:
        data += encoder.frame(packet, number)
        number += encoder.samples(packet)
    samples: list[int] = []
    with av.open(io.BytesIO(data), "r") as container:
        for frame in container.decode(audio=0):
            width = 1 if frame.format.is_planar else frame.layout.nb_channels
            planes = [memoryview(bytes(plane)[: frame.samples * 2 * width]).cast("h") for plane in frame.planes]
            samples += [value for values in zip(*planes, strict=True) for value in values]
    return samples


def test_l16_stays_as_it_is() -> None:
    samples = [0, 1, -1, 32767, -32768, 1000, -1000, 77] * 40
    network = array("h", samples)
    network.byteswap()
    assert decode(pcm("L16"), [network.tobytes()] * 3) == samples * 3
    assert decode(pcm("PCML"), [array("h", samples).tobytes()]) == samples


@pytest.mark.parametrize("channels", [2, 3])
def test_channels_stay_apart(channels: int) -> None:
    samples = [number * (-1) ** (number % channels) for number in range(channels * 200)]
    assert decode(pcm("PCML", channels), [array("h", samples).tobytes()]) == samples


@pytest.mark.parametrize(("name", "libav"), [("PCMA", "pcm_alaw"), ("PCMU", "pcm_mulaw")])
def test_g711_is_what_libav_makes_of_it(name: str, libav: str) -> None:
    codes = bytes(range(256))
    decoder = av.CodecContext.create(libav, "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"  # type: ignore[attr-defined]
    (frame,) = decoder.decode(av.Packet(codes))  # type: ignore[attr-defined]
    assert decode(pcm(name), [codes]) == memoryview(bytes(frame.planes[0])[:512]).cast("h").tolist()


@pytest.mark.parametrize("rate", [8_000, 11_025, 48_000, 96_000])
def test_rates(rate: int) -> None:
    assert decode(pcm("PCMU", rate=rate), [bytes([0xFF]) * 320]) == [0] * 320


def test_large_sample_numbers() -> None:
    encoder = flac.Encoder(pcm("PCMU"))
    sizes = {len(encoder.frame(b"\xff" * 16, number)) for number in (0, 0x7F)}
    assert len(sizes) == 1
    assert len(encoder.frame(b"\xff" * 16, (1 << 36) - 1)) == sizes.pop() + 6
    assert encoder.frame(b"\xff" * 16, 1 << 36) == encoder.frame(b"\xff" * 16, 0)


def test_odd_sizes() -> None:
    encoder = flac.Encoder(pcm("L16", 2))
    assert encoder.frame(b"", 0) == b""
    assert encoder.frame(b"abc", 0) == b""
    assert encoder.frame(b"abcde", 0) == encoder.frame(b"abcd", 0)
    assert encoder.samples(bytes(1 << 20)) == flac.MAX_BLOCK


@pytest.mark.parametrize("codec", [pcm("OPUS"), pcm("L16", 9), pcm("L16", rate=100_000), pcm("L16", rate=0)])
def test_refused(codec: Codec) -> None:
    with pytest.raises(ProtocolError):
        flac.Encoder(codec)
