"""Offers of real clients, and what they are answered."""

from pathlib import Path

import pytest

from go2py.errors import NegotiationError, ProtocolError
from go2py.media.codec import Codec
from go2py.outputs.webrtc.negotiation import Outgoing, answer_media, outgoing, slots_of, spoken, wants_of
from go2py.protocols import webrtc_sdp as sdp
from go2py.protocols.webrtc_sdp import Local, Offer, build_answer, parse_fragment, parse_offer
from go2py.streams.track import Track

OFFERS = Path(__file__).resolve().parents[1] / "captures" / "offers"
HOST = "candidate:1 1 udp 1 192.0.2.1 8555 typ host"
LOCAL = Local("ufrag", "a-long-password", "sha-256 AA:BB", "passive", (HOST,), complete=True)
HIGH = Codec("H264", "video", 90_000, parameter_sets=(bytes.fromhex("67640028ac"), b"\x68\xee"))
BASELINE = Codec("H264", "video", 90_000, fmtp="packetization-mode=1;profile-level-id=42C01E")
H265 = Codec("H265", "video", 90_000)
OPUS = Codec("OPUS", "audio", 48_000, 2)
PCMA = Codec("PCMA", "audio", 8_000)


def load(name: str) -> Offer:
    return parse_offer((OFFERS / f"{name}.sdp").read_text())


def answer(
    name: str, *codecs: Codec, rotation: int = 0, takes: tuple[Codec, ...] | None = None
) -> tuple[list[Outgoing], list[list[str]]]:
    """What goes out, and the answer's session block and m-line blocks. `takes`: how the camera can be spoken to."""
    offer = load(name)
    slots = slots_of(offer)
    going: list[Outgoing] = []
    for slot in slots:
        fitting = [codec for codec in codecs if slot.view and any(wish.accepts(codec) for wish in slot.view.codecs)]
        if fitting and (one := outgoing(slot, Track(fitting[0], 0), rotation)):
            going.append(one)
    sent = [(one, 1000 + n, 2000 + n if one.repair is not None else 0) for n, one in enumerate(going)]
    text = build_answer(offer, answer_media(offer, slots, sent, "cname", takes), LOCAL, 1)
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line)
    return going, blocks


ALL = ["aiortc", "alexa", "chromium_mic", "chromium_talk", "chromium_view", "firefox_view", "gstreamer"]
ALL += ["gstreamer_h265", "home_assistant", "safari_ios_view", "safari_talk"]


@pytest.mark.parametrize("name", ALL)
def test_answer_keeps_order_mids_and_bundle(name: str) -> None:
    offer = load(name)
    _, (session, *media) = answer(name, HIGH, OPUS)
    assert [block[0].split()[0][2:] for block in media] == [section.kind for section in offer.sections]
    for section, block in zip(offer.sections, media, strict=True):
        assert f"a=mid:{section.mid}" in block
        if section.kind == "application":
            assert block[0].split()[1] == "0"
        else:
            assert block[0].split()[1] == "9"
            assert "a=rtcp-mux" in block
            assert "a=setup:passive" in block
            assert sum(line[2:] in sdp.DIRECTIONS for line in block) == 1
    mids = [section.mid for section in offer.sections if section.kind != "application"]
    assert f"a=group:BUNDLE {' '.join(mids)}" in session
    assert sum(line.startswith("a=candidate:") for block in media for line in block) == 1


def test_chromium_is_sent_the_profile_nearest_to_the_cameras() -> None:
    (video, audio), (_, first, second) = answer("chromium_view", HIGH, OPUS)
    assert video.format.payload_type == 116  # this Chromium knows no 6400xx: main it is
    assert "a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f" in first
    assert first[0] == "m=video 9 UDP/TLS/RTP/SAVPF 116 117"
    assert "a=fmtp:117 apt=116" in first
    assert "a=sendonly" in first
    assert "a=ssrc-group:FID 1000 2000" in first
    assert "a=msid:go2rtc go2rtc-video" in first
    assert "a=ssrc:1000 cname:cname" in first
    assert {"a=extmap:5 " + sdp.PLAYOUT_DELAY, "a=extmap:4 " + sdp.TRANSPORT_CC} <= set(first)
    assert not any(sdp.ABS_SEND_TIME in line for line in first)
    assert {f"a=rtcp-fb:116 {one}" for one in ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")} <= set(
        first
    )
    assert audio.format.payload_type == 111
    assert "a=rtpmap:111 opus/48000/2" in second
    assert not any(line.startswith("a=extmap") for line in second)


def test_baseline_camera_prefers_the_baseline_payload() -> None:
    (video,), _ = answer("chromium_view", BASELINE)
    assert video.format.payload_type == 102
    assert video.format.parameter("packetization-mode") == "1"


@pytest.mark.parametrize(
    ("name", "payload_type"), [("safari_ios_view", 96), ("home_assistant", 119), ("firefox_view", 126), ("alexa", 99)]
)
def test_high_profile_elsewhere(name: str, payload_type: int) -> None:
    going, _ = answer(name, HIGH)
    assert [one.format.payload_type for one in going] == [payload_type]
    assert (
        going[0].format.fmtp
        == load(name)
        .sections[going[0].slot.index]
        .formats[[one.payload_type for one in load(name).sections[going[0].slot.index].formats].index(payload_type)]
        .fmtp
    )


def test_h265_is_named_only_where_it_is_sent() -> None:
    _, blocks = answer("safari_ios_view", H265)
    assert "a=rtpmap:104 H265/90000" in blocks[1]
    _, blocks = answer("safari_ios_view", OPUS)
    assert "a=inactive" in blocks[1]
    assert not any("H265" in line for block in blocks for line in block)


def test_missing_sound_is_inactive() -> None:
    _, blocks = answer("chromium_view", HIGH)
    assert "a=inactive" in blocks[2]
    assert not any(line.startswith("a=ssrc") for line in blocks[2])


@pytest.mark.parametrize(("name", "microphone"), [("chromium_talk", 1), ("safari_talk", 1)])
def test_microphone_beside_a_picture(name: str, microphone: int) -> None:
    wants = wants_of(slots_of(load(name)))
    assert [(want.kind, want.direction) for want in wants] == [("video", "recvonly"), ("audio", "recvonly")]
    _, blocks = answer(name, HIGH, PCMA)
    assert "a=recvonly" in blocks[microphone]
    assert "a=sendonly" in blocks[2]
    assert "a=rtpmap:8 PCMA/8000" in blocks[3]


def test_microphone_alone_asks_for_a_backchannel() -> None:
    (want,) = wants_of(slots_of(load("chromium_mic")))
    assert (want.kind, want.direction) == ("audio", "sendonly")
    _, blocks = answer("chromium_mic")
    assert "a=recvonly" in blocks[1]


def test_sendrecv_is_answered_by_what_is_there() -> None:
    _, blocks = answer("alexa", HIGH, PCMA)
    assert "a=sendrecv" in blocks[1], "it may talk in the same m-line"
    assert blocks[1][0] == "m=audio 9 UDP/TLS/RTP/SAVPF 8 96 0", "in what it is sent first"
    assert "a=sendonly" in blocks[2]
    _, blocks = answer("alexa", HIGH, PCMA, takes=())
    assert "a=sendonly" in blocks[1], "nobody listens"
    _, blocks = answer("alexa", HIGH)
    assert "a=recvonly" in blocks[1]
    _, blocks = answer("alexa", PCMA)
    assert "a=inactive" in blocks[2]


@pytest.mark.parametrize(
    ("takes", "payload_types"),
    [
        (None, "111 0 8 9"),
        ((PCMA,), "8 111 0 9"),
        ((OPUS, Codec("PCMU", "audio", 8_000)), "0 111 8 9"),
        ((Codec("G722", "audio", 8_000, sample_rate=16_000),), "9 111 0 8"),
        ((Codec("MPEG4-GENERIC", "audio", 16_000),), "111 0 8 9"),
        ((Codec("PCMA", "audio", 16_000),), "111 0 8 9"),
    ],
)
def test_microphone_speaks_what_the_camera_takes(takes: tuple[Codec, ...] | None, payload_types: str) -> None:
    _, blocks = answer("chromium_mic", takes=takes)
    assert set(payload_types.split()) == set(blocks[1][0].split()[3:])
    assert blocks[1][0].split()[3] == payload_types.split(maxsplit=1)[0]
    assert not any("rtcp-fb" in line for line in blocks[1])


def test_payload_types_of_all_microphones() -> None:
    found = spoken(slots_of(load("chromium_mic")))
    assert found[111] == Codec("OPUS", "audio", 48_000, 2, fmtp="minptime=10;useinbandfec=1")
    assert (found[8], found[9].rate) == (PCMA, 16_000)
    assert not spoken(slots_of(load("chromium_view")))


def test_wants_keep_the_offers_order_and_leave_repair_out() -> None:
    video, audio = wants_of(slots_of(load("safari_ios_view")))
    assert [wish.name for wish in video.codecs] == ["H264", "H265"]
    assert [wish.name for wish in audio.codecs] == ["OPUS", "G722", "PCMU", "PCMA"]
    _, audio = wants_of(slots_of(load("gstreamer")))
    assert [wish.label() for wish in audio.codecs] == ["L16/44100/2", "OPUS"]


def test_rotation_takes_the_orientation_extension() -> None:
    (video,), blocks = answer("chromium_view", HIGH, rotation=90)
    assert f"a=extmap:3 {sdp.VIDEO_ORIENTATION}" in blocks[1]
    assert video.form.orientation == 3
    (video,), blocks = answer("chromium_view", HIGH)
    assert video.form.orientation == 0


def test_without_bundle_one_m_line_is_served() -> None:
    text = (OFFERS / "aiortc.sdp").read_text().replace("a=group:BUNDLE 0 1\n", "")
    offer = parse_offer(text)
    slots = slots_of(offer)
    assert [slot.section.kind for slot in slots] == ["video"]
    answered = answer_media(offer, slots, [], "")
    assert answered[1] is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("v=0", "v=1"), "no SDP"),
        (("a=mid:1", "a=mid:0"), "mid twice"),
        (("a=ice-pwd", "a=ice-x"), "no ICE credentials"),
        (("a=fingerprint", "a=print"), "no DTLS fingerprint"),
        (("m=audio 9 ", "m=audio x "), "broken m-line"),
        (("a=mid:1", "a=mid:a b"), "broken mid"),
        (("a=ice-ufrag:BT4l", "a=ice-ufrag:B 4l"), "broken ICE"),
    ],
)
def test_unusable_offers_say_why(change: tuple[str, str], text: str) -> None:
    offer = (OFFERS / "chromium_view.sdp").read_text().replace(*change)
    with pytest.raises(ProtocolError, match=text):
        parse_offer(offer)


def test_offer_that_wants_nothing() -> None:
    text = (OFFERS / "chromium_view.sdp").read_text().replace("a=recvonly", "a=inactive")
    with pytest.raises(NegotiationError):
        slots_of(parse_offer(text))


def test_fragment() -> None:
    body = f"a=ice-ufrag:BT4l\r\na=ice-pwd:{'x' * 22}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    body += "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=end-of-candidates\r\n"
    parsed = parse_fragment(body)
    assert (parsed.ice_ufrag, parsed.ice_pwd) == ("BT4l", "x" * 22)
    assert parsed.candidates == ("candidate:1 1 udp 1 192.0.2.9 9 typ host",)
    assert parsed.complete
    with pytest.raises(ProtocolError):
        parse_fragment("nothing")
