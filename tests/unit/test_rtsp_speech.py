"""What an RTSP camera's loudspeaker is sent, and which track it is, without a socket."""

from dataclasses import replace
from itertools import pairwise

import pytest

from go2py.errors import Unsupported
from go2py.media import codec as names
from go2py.media.codec import Codec
from go2py.media.unit import AccessUnit
from go2py.protocols import rtcp, sdp
from go2py.protocols.rtp.packet import RtpPacket, parse
from go2py.sources.rtsp.ear import BackTrack, listed_track, unlisted_track
from go2py.sources.rtsp.manner import Manner, extensible, manner_of
from go2py.sources.rtsp.options import Options
from go2py.sources.rtsp.speech import Speech
from go2py.streams.source import SourceUrl

PCMA = Codec(names.PCMA, "audio", 8000)
PCMU = Codec(names.PCMU, "audio", 8000)
AAC = Codec(names.AAC, "audio", 16_000, config=b"\x14\x08")
REOLINK = "BC Streaming Media v202210012022.10.01"
BASE = "rtsp://cam/x/"


def frames(codec: Codec, count: int, size: int, step: int, first: int = 0) -> list[AccessUnit]:
    return [AccessUnit(codec, (bytes([i & 255]) * size,), first + i * step, arrived=0.0) for i in range(count)]


def sent(speech: Speech, units: list[AccessUnit], now: float = 0.0) -> list[RtpPacket]:
    return [parse(packet) for packet in speech.packets(units, now)]


def begun(codec: Codec = PCMA, payload_type: int = 8, manner: Manner | None = None) -> Speech:
    speech = Speech()
    speech.begin(codec, payload_type, manner or Manner(), 0.0)
    return speech


def test_frames_become_packets_of_20_ms_with_the_marker_at_the_beginning() -> None:
    packets = sent(begun(), frames(PCMA, 5, 160, 160))
    assert [len(packet.payload) for packet in packets] == [160] * 5
    assert {packet.payload_type for packet in packets} == {8}
    assert [packet.marker for packet in packets] == [True, False, False, False, False]
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) & 0xFFFF == 1
        assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 160
        assert after.ssrc == before.ssrc


def test_frames_of_any_length_are_regrouped() -> None:
    packets = sent(begun(), frames(PCMA, 4, 240, 240))
    assert [len(packet.payload) for packet in packets] == [160] * 6
    assert b"".join(packet.payload for packet in packets) == b"".join(bytes([i]) * 240 for i in range(4))


def test_after_a_pause_speech_begins_anew() -> None:
    speech = begun()
    sent(speech, frames(PCMA, 2, 160, 160))
    assert [packet.marker for packet in sent(speech, frames(PCMA, 2, 160, 160, first=8000))] == [True, False]


def test_sequence_and_time_start_at_random_and_go_on_when_opened_again() -> None:
    starts = {sent(begun(), frames(PCMA, 1, 160, 160))[0].timestamp for _ in range(5)}
    assert len(starts) == 5
    speech = begun()
    first = sent(speech, frames(PCMA, 2, 160, 160), now=0.02)
    speech.begin(PCMA, 8, Manner(), 10.02)
    again = sent(speech, frames(PCMA, 1, 160, 160), now=10.02)
    assert again[0].marker
    assert (again[0].sequence - first[-1].sequence) & 0xFFFF == 1
    assert (again[0].timestamp - first[-1].timestamp) & 0xFFFFFFFF == 80_000, "ten seconds passed there too"


def test_aac_frames_are_marked_as_whole() -> None:
    packets = sent(begun(AAC, 97), frames(AAC, 3, 200, 1024))
    assert [packet.marker for packet in packets] == [True] * 3
    assert [len(packet.payload) for packet in packets] == [204] * 3
    large = sent(begun(AAC, 97), frames(AAC, 1, 2000, 1024))
    assert [packet.marker for packet in large] == [False, True]


def test_l16_of_either_byte_order_goes_out_in_network_order() -> None:
    little = Codec(names.PCML, "audio", 16_000)
    unit = AccessUnit(little, (b"\x01\x02" * 320,), 0, arrived=0.0)
    assert bytes(sent(begun(little, 97), [unit])[0].payload) == b"\x02\x01" * 320


def test_a_codec_without_an_rtp_format_is_refused() -> None:
    with pytest.raises(Unsupported):
        begun(Codec("FANCY", "audio", 8000), 97)


def test_sender_reports_tell_time_and_counts() -> None:
    speech = begun()
    assert speech.report(0.0, 1e9) == b""
    packets = sent(speech, frames(PCMA, 3, 160, 160), now=1.0)
    report, description = rtcp.parse(speech.report(1.5, 1e9))
    assert isinstance(report, rtcp.SenderReport)
    assert (report.packets, report.octets, report.ssrc) == (3, 480, packets[0].ssrc)
    assert (report.rtp_time - packets[-1].timestamp) & 0xFFFFFFFF == 4000
    assert abs(rtcp.unix_time(report.ntp) - 1e9) < 0.001
    assert isinstance(description, rtcp.SourceDescription)
    assert rtcp.parse(speech.goodbye())[-1] == rtcp.Goodbye((packets[0].ssrc,))


def test_reolink_gets_1024_bytes_marked_and_a_law_without_time() -> None:
    speech = begun(PCMA, 8, manner_of(REOLINK, PCMA))
    packets = sent(speech, frames(PCMA, 20, 160, 160))
    assert [(len(p.payload), p.timestamp, p.marker) for p in packets] == [(1024, 0, True)] * 3
    speech = begun(PCMU, 0, manner_of(REOLINK, PCMU))
    packets = sent(speech, frames(PCMU, 20, 160, 160))
    assert [(len(p.payload), p.marker) for p in packets] == [(1024, True)] * 3
    assert (packets[1].timestamp - packets[0].timestamp) & 0xFFFFFFFF == 1024


def test_others_get_what_the_standard_says_or_what_they_ask_for() -> None:
    assert manner_of("", PCMA) == manner_of("LIVE555", PCMA) == Manner()
    assert manner_of(REOLINK, AAC) == Manner()
    assert manner_of("", PCMA, 40).ptime == 40
    assert manner_of("", PCMA, 5).ptime == manner_of("", PCMA, 999).ptime == 20
    assert extensible("")
    assert not extensible("GStreamer")


def described(*medias: str, tool: str = "") -> sdp.SessionDescription:
    head = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
    return sdp.parse((f"a=tool:{tool}\r\n" if tool else "") + head + "".join(medias))


SOUND = "m=audio 0 RTP/AVP 8\r\na=control:track1\r\na=recvonly\r\n"
SPEAKER = "m=audio 0 RTP/AVP 0\r\na=control:track2\r\na=ptime:40\r\n"


def test_the_sendonly_track_is_the_loudspeaker() -> None:
    track = listed_track(described(SOUND, SPEAKER + "a=sendonly\r\n", tool="maker 1"), BASE)
    assert track == BackTrack("rtsp://cam/x/track2", (PCMU,), (0,), 40, "maker 1")
    assert listed_track(described(SOUND), BASE) is None


def test_else_it_is_what_shows_only_when_asked_for() -> None:
    for marked in ("", "a=recvonly\r\n", "a=sendrecv\r\n"):
        whole = described(SOUND, SPEAKER + marked)
        track = unlisted_track(whole, BASE, described(SOUND))
        assert track is not None
        assert track.url == "rtsp://cam/x/track2"
        assert unlisted_track(whole, BASE, whole) is None


def test_h3c_describes_a_payload_type_twice_and_means_the_standard() -> None:
    for first, second in (("PCMA", "PCMU"), ("PCMU", "PCMA")):
        twice = f"a=rtpmap:0 {first}/8000\r\na=rtpmap:0 {second}/8000\r\na=sendonly\r\n"
        track = listed_track(described(SOUND, SPEAKER + twice), BASE)
        assert track is not None
        assert track.codecs == (PCMU,)


def test_codecs_have_the_numbers_of_the_description() -> None:
    wide = replace(PCMA, clock_rate=16_000)
    track = BackTrack("", (AAC, PCMA, wide), (97, 8, 98))
    assert [track.payload_type(codec) for codec in (AAC, PCMA, wide, PCMU)] == [97, 8, 98, None]
    assert track.payload_type(replace(AAC, config=b"")) == 97


@pytest.mark.parametrize(
    ("text", "wish"),
    [("", None), ("#timeout=3", None), ("#backchannel=0", False), ("#backchannel=1", True), ("#backchannel", False)],
)
def test_the_parameter(text: str, wish: bool | None) -> None:
    assert Options.parse(SourceUrl(f"rtsp://cam/x{text}")).backchannel is wish
