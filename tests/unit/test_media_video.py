"""What the normalizer makes of the pictures that real cameras send."""

from base64 import b64decode

from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.media.video import PATIENCE, VideoNormalizer

SPS = b64decode("Z2QAM6wVFKAoAPGQ")  # 2560x1920
SMALL_SPS = b64decode("Z2QAFqwa0BQF/yzcBAQFAAADAAEAAAMAHo8UIqA=")  # 640x360
PPS = bytes.fromhex("68ee3cb0")
OTHER_PPS = bytes.fromhex("68ee3c80")
IDR = bytes.fromhex("65888011")
P = bytes.fromhex("419a004c")
I_SLICE = bytes.fromhex("41888011")
AUD = b"\x09\xf0"
SEI = bytes.fromhex("06051000")
RECOVERY = bytes.fromhex("0606018480")
H264 = Codec("H264", "video", 90000)
KNOWN = H264.with_(parameter_sets=(SPS, PPS))


def unit(*nals: bytes, codec: Codec = H264) -> AccessUnit:
    return AccessUnit(codec, nals, 0, arrived=0.0, key=False)


def feed(normalizer: VideoNormalizer, *nals: bytes) -> tuple[tuple[bytes, ...], bool] | None:
    found = normalizer.feed(unit(*nals))
    if found is None:
        return None
    assert found.codec is normalizer.codec
    assert found.size == sum(map(len, found.units))
    return found.units, found.key


def test_plain_pictures_pass() -> None:
    normalizer = VideoNormalizer(KNOWN)
    assert (normalizer.codec.width, normalizer.codec.height) == (2560, 1920)
    assert feed(normalizer, P, P) == ((P, P), False)
    assert feed(normalizer, AUD, P, b"\x0c\xff", b"") == ((P,), False)


def test_sets_of_sdp_stand_in_front_of_key_pictures() -> None:
    assert feed(VideoNormalizer(KNOWN), IDR) == ((SPS, PPS, IDR), True)


def test_sets_in_band_are_learned_once() -> None:
    normalizer = VideoNormalizer(H264)
    assert feed(normalizer, AUD, SPS, PPS, SEI, IDR) == ((SPS, PPS, SEI, IDR), True)
    codec = normalizer.codec
    assert codec.parameter_sets == (SPS, PPS)
    feed(normalizer, SPS + b"\0\0", PPS, IDR)
    feed(normalizer, P)
    assert normalizer.codec is codec


def test_sets_and_sei_with_marker_wait_for_their_picture() -> None:
    # Tapo TC70, Reolink Duo 2
    normalizer = VideoNormalizer(H264)
    assert [feed(normalizer, nal) for nal in (SPS, PPS, SEI)] == [None, None, None]
    assert feed(normalizer, IDR) == ((SPS, PPS, IDR), True)


def test_stream_starting_with_delimiter_and_sei() -> None:
    # Amcrest, FFmpeg
    normalizer = VideoNormalizer(KNOWN)
    assert feed(normalizer, AUD, SEI) is None
    assert feed(normalizer) is None
    assert feed(normalizer, P) == ((P,), False)


def test_one_unit_with_start_codes() -> None:
    glued = SPS + b"\0\0\0\1" + PPS + b"\0\0\1" + IDR
    assert feed(VideoNormalizer(H264), glued) == ((SPS, PPS, IDR), True)
    assert feed(VideoNormalizer(H264), b"\0\0\0\1" + glued) == ((SPS, PPS, IDR), True)


def test_resolution_changes_in_mid_stream() -> None:
    normalizer = VideoNormalizer(KNOWN)
    before = normalizer.codec
    assert feed(normalizer, SMALL_SPS, PPS, IDR) == ((SMALL_SPS, PPS, IDR), True)
    assert normalizer.codec is not before
    assert (normalizer.codec.width, normalizer.codec.height) == (640, 360)


def test_changed_set_without_key_picture_travels_with_the_picture() -> None:
    normalizer = VideoNormalizer(KNOWN)
    assert feed(normalizer, PPS, P) == ((P,), False)
    assert feed(normalizer, OTHER_PPS, P) == ((SPS, OTHER_PPS, P), False)


def test_sets_behind_a_picture_belong_to_the_next() -> None:
    normalizer = VideoNormalizer(KNOWN)
    assert feed(normalizer, P, SMALL_SPS) == ((P,), False)
    assert normalizer.codec.width == 2560
    assert feed(normalizer, IDR) == ((SMALL_SPS, PPS, IDR), True)


def test_two_sps_at_once_do_not_alternate() -> None:
    second = SMALL_SPS.replace(b"\x16\xac\x1a", b"\x16\x56\x0d")  # any other id
    normalizer = VideoNormalizer(H264)
    feed(normalizer, SPS, second, PPS, IDR)
    codec = normalizer.codec
    feed(normalizer, SPS, second, PPS, IDR)
    assert normalizer.codec is codec


def test_recovery_points_are_key_where_no_idr_comes() -> None:
    normalizer = VideoNormalizer(KNOWN)
    assert feed(normalizer, RECOVERY, P) == ((SPS, PPS, RECOVERY, P), True)
    assert feed(normalizer, RECOVERY, P) == ((SPS, PPS, RECOVERY, P), True)
    assert feed(normalizer, SPS, PPS, I_SLICE) == ((SPS, PPS, I_SLICE), True)
    feed(normalizer, IDR)
    assert feed(normalizer, RECOVERY, P) == ((RECOVERY, P), False)
    for _ in range(PATIENCE):
        feed(normalizer, P)
    assert feed(normalizer, RECOVERY, P) == ((SPS, PPS, RECOVERY, P), True)


def test_recovery_point_in_a_unit_of_its_own() -> None:
    normalizer = VideoNormalizer(KNOWN)
    assert feed(normalizer, RECOVERY) is None
    assert feed(normalizer, P) == ((SPS, PPS, P), True)


def test_nonsense_sets_do_no_harm() -> None:
    normalizer = VideoNormalizer(H264)
    assert feed(normalizer, b"\x67", b"\x68", b"\x67" + bytes(range(1, 200)) * 50, IDR) is not None
    assert (normalizer.codec.width, normalizer.codec.height) == (0, 0)
    feed(normalizer, SPS, PPS, IDR)
    assert (normalizer.codec.width, normalizer.codec.height) == (2560, 1920)


def test_h265() -> None:
    vps = bytes.fromhex("40010c01ffff0160")
    sps = b64decode("QgEBIUAAAAMAkAAAAwAAAwCWoAUCAWlnpbkShc1AQIC4QAAAAwBAAAAFFEn/eEAOpgAV+V8IBBA=")
    pps = bytes.fromhex("4401c0730fc0cc90")
    idr, trail, delimiter = b"\x26\x01\xaf", b"\x02\x01\xd0", b"\x46\x01\x50"
    normalizer = VideoNormalizer(Codec("H265", "video", 90000))
    assert feed(normalizer, delimiter, vps, sps, pps, idr) == ((vps, sps, pps, idr), True)
    assert feed(normalizer, trail) == ((trail,), False)
    assert feed(normalizer, b"\x2a\x01\xaf") == ((vps, sps, pps, b"\x2a\x01\xaf"), True)  # CRA
    assert (normalizer.codec.width, normalizer.codec.height) == (640, 360)
