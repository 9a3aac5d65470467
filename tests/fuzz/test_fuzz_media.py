"""Parsers of codec headers: any bytes give a value or a `ProtocolError`."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress

import pytest

from go2py.errors import ProtocolError
from go2py.media import aac, h264, h265, jpeg, mp3, opus
from go2py.media.codec import Codec
from go2py.media.nal import has_recovery_point, split_annexb, split_avcc
from go2py.media.unit import AccessUnit
from go2py.media.video import VideoNormalizer
from tests.captures.rtp import FOLDER
from tests.fuzz.mutate import mutations

SPS = [
    b64decode("Z0IAMukAUAHjQgAAB9IAAOqcCAA="),
    b64decode("Z2QAKKwa0AoAt03AQEBQAAADABAAAAMB6PFCKg=="),
    bytes.fromhex("6764001fad84010c20086100430802184010c200843b50740932"),
    b64decode("QgEBAWAAAAMAAAMAAAMAAAMAmaAAoAgBaH+KrTuiS7/8AAQABbAgApMuADN/mAE="),
    b64decode("QgEBIUAAAAMAkAAAAwAAAwCWoAUCAWlnpbkShc1AQIC4QAAAAwBAAAAFFEn/eEAOpgAV+V8IBBA="),
]
RECORDS = [
    bytes.fromhex("01640033ffe1000c67640033ac1514a02800f19001000468ee3cb0"),
    h265.hvcc((bytes.fromhex("40010c01ffff"), SPS[4], bytes.fromhex("4401c0730fc0cc90"))),
]
AUDIO = [bytes.fromhex(text) for text in ("f8ec3000", "1188", "2b098800", "fff15080021ffc21", "fffb9064", "7b03")]
PICTURES = [(FOLDER / "jpeg.raw").read_bytes()[:700]]


@pytest.mark.parametrize(
    ("parse", "samples"),
    [
        (h264.parse_sps, SPS),
        (h265.parse_sps, SPS),
        (h264.parse_avcc, RECORDS),
        (h265.parse_hvcc, RECORDS),
        (aac.parse_config, AUDIO),
        (aac.parse_adts, AUDIO),
        (aac.strip_adts, AUDIO),
        (opus.duration, AUDIO),
        (mp3.parse, AUDIO),
        (jpeg.parse, PICTURES),
        (jpeg.is_standard_huffman, [jpeg.STANDARD_HUFFMAN]),
        (split_annexb, RECORDS),
        (split_avcc, RECORDS),
        (lambda data: has_recovery_point(data, 1), [bytes.fromhex("0605020000060184")]),
    ],
)
def test_parsers_are_total(parse: Callable[[bytes], object], samples: list[bytes]) -> None:
    for data in mutations(samples, 3000):
        with suppress(ProtocolError):
            parse(data)


def test_records_of_any_sets() -> None:
    for data in mutations(SPS, 2000):
        for build in (h264.avcc, h265.hvcc):
            with suppress(ProtocolError, ValueError):
                build([data])


@pytest.mark.parametrize("name", ["H264", "H265"])
def test_normalizer_takes_anything(name: str) -> None:
    kind = "hevc" if name == "H265" else "h264"
    raw = (FOLDER / ("h265.raw" if kind == "hevc" else "h264.raw")).read_bytes()
    samples = [nal[:60] for nal in split_annexb(raw)] + SPS
    normalizer = VideoNormalizer(Codec(name, "video", 90000))
    batch: list[bytes] = []
    for data in mutations(samples, 4000):
        batch.append(data)
        if len(batch) < 3:
            continue
        found = normalizer.feed(AccessUnit(normalizer.codec, tuple(batch), 0, arrived=0.0))
        assert found is None or found.size == sum(map(len, found.units))
        assert len(normalizer.codec.parameter_sets) <= 64
        batch.clear()
