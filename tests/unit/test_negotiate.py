"""Negotiation: go2rtc's matching rules, with a reason for every refusal."""

from go2py.media.codec import Codec
from go2py.streams.negotiate import ALL, ANY, CodecWish, Want, mismatch_text, mp4_wants, negotiate, wants_from_query
from go2py.streams.source import Offer

H264 = Codec("H264", "video", 90_000)
H265 = Codec("H265", "video", 90_000)
PCMA = Codec("PCMA", "audio", 8_000, 1)
PCMA16 = Codec("PCMA", "audio", 16_000, 1)
AAC = Codec("MPEG4-GENERIC", "audio", 16_000, 1)
OPUS = Codec("OPUS", "audio", 48_000, 2)

CAMERA = (Offer((H264,)), Offer((AAC,)), Offer((PCMA,), "sendonly"))
VIEW = wants_from_query(())


def wish(*names: str) -> tuple[CodecWish, ...]:
    return tuple(CodecWish(name) for name in names)


def test_unneeded_sources_are_not_dialled() -> None:
    plan = negotiate([CAMERA, None], VIEW)
    assert plan.dial is None
    assert [(m.source, m.offer) for m in plan.matches] == [(0, 0), (0, 1)]


def test_source_is_dialled_only_when_all_earlier_ones_cannot_serve() -> None:
    wants = (Want("video", wish("H264")), Want("audio", wish("OPUS")))
    assert negotiate([CAMERA, None], wants).dial == 1
    assert negotiate([None, None], wants).dial == 0
    plan = negotiate([CAMERA, (Offer((OPUS,)),)], wants)
    assert [(m.source, m.codec.name) for m in plan.matches] == [(0, "H264"), (1, "OPUS")]


def test_order_of_the_camera_decides_not_that_of_the_reader() -> None:
    plan = negotiate([(Offer((PCMA,)), Offer((OPUS,)))], (Want("audio", wish("OPUS", "PCMA")),))
    assert plan.matches[0].codec is PCMA


def test_rate_and_channels_count_where_the_reader_names_them() -> None:
    want = Want("audio", (CodecWish("PCMA", 8_000),))
    plan = negotiate([(Offer((PCMA16,)), Offer((PCMA,)))], (want,))
    assert plan.matches[0].offer == 1
    assert plan.refusals[0].reason == "is PCMA/16000/1, the reader takes PCMA/8000"


def test_all_takes_every_track_of_every_source() -> None:
    plan = negotiate([CAMERA, (Offer((H265,)),)], (Want("video", wish(ALL)),))
    assert [(m.source, m.offer) for m in plan.matches] == [(0, 0), (1, 0)]


def test_microphone_goes_to_what_the_camera_takes() -> None:
    plan = negotiate([CAMERA], (Want("audio", wish("OPUS", "PCMA"), "sendonly"),))
    assert [(m.offer, m.codec.name) for m in plan.matches] == [(2, "PCMA")]


def test_every_refusal_has_a_reason() -> None:
    plan = negotiate(["connection refused", CAMERA], (Want("video", wish("H265")),))
    assert not plan.matches
    assert [refusal.reason for refusal in plan.refusals] == [
        "connection refused",
        "is H264, the reader takes H265",
        "is audio, wanted is video",
        "is audio, wanted is video",
    ]
    assert mismatch_text(["connection refused", CAMERA], (Want("video", wish("H265")),)) == (
        "codecs not matched: video:H264, audio:AAC => video:H265"
    )


def test_query_filters() -> None:
    assert wants_from_query([("audio", "aac,opus"), ("video", ""), ("src", "x")]) == (
        Want("video", wish(ANY)),
        Want("audio", wish("MPEG4-GENERIC", "OPUS")),
    )
    assert wants_from_query([("video", "copy"), ("video", "mjpeg")]) == (
        Want("video", wish(ANY)),
        Want("video", wish("JPEG")),
    )
    assert wants_from_query([("microphone", "")]) == (Want("audio", wish(ANY), "sendonly"),)
    assert wants_from_query([("mp4", ""), ("video", "all")]) == mp4_wants()
    assert [w.name for w in mp4_wants("all")[1].codecs][-2:] == ["OPUS", "MPA"]


def test_labels_are_those_that_clients_search_for() -> None:
    assert [offer.label() for offer in CAMERA] == [
        "video, recvonly, H264",
        "audio, recvonly, MPEG4-GENERIC/16000/1",
        "audio, sendonly, PCMA/8000/1",
    ]
