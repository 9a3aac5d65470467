# ruff: noqa: E501 (cameras write long lines)
"""SDP as cameras write it (their quirks kept, addresses changed) and as the RTSP server writes it."""

import pytest

from go2py.errors import ProtocolError
from go2py.media.codec import Codec
from go2py.protocols import sdp
from go2py.protocols.sdp_codec import codec_of, fmtp_of

REPEATED_LINES = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=RtspServer
i=live
t=0 0
a=control:*
a=range:npt=0-
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
s=RtspServer
i=live
a=control:*
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=42001E;sprop-parameter-sets=Z0IAHvQCgC3I,aM48gA==
a=control:track0
m=audio 0 RTP/AVP 97
c=IN IP4 0.0.0.0
s=RtspServer
i=live
a=rtpmap:97 MPEG4-GENERIC/8000/1
a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1588
a=control:track1
"""
FMTP_ELSEWHERE = """v=0
o=- 1 1 IN IP4 192.0.2.1
s=streamed by the RTSP server
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:trackID=0
m=audio 0 RTP/AVP 8
a=rtpmap:0 pcma/8000/1
a=control:trackID=1
a=fmtp:96 packetization-mode=1;profile-level-id=64001F;sprop-parameter-sets=Z0IAH5WoFAFuQA==,aM48gA==
"""
NO_LAST_LINE_END = """v=0\r
o=- 1 1 IN IP4 192.0.2.1\r
s=Session streamed by "preview"\r
t=0 0\r
a=tool:BC Streaming Media v202210012022.10.01\r
a=control:*\r
m=video 0 RTP/AVP 96\r
b=AS:8192\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=640033;sprop-parameter-sets=Z2QAM6wVFKAoAPGQ,aO48sA==\r
a=control:track1\r
m=audio 0 RTP/AVP 97\r
a=rtpmap:97 MPEG4-GENERIC/16000\r
a=fmtp:97 mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3;profile-level-id=1;\r
a=control:track2\r
m=audio 0 RTP/AVP 8\r
a=control:track3\r
a=rtpmap:8 PCMA/8000\r
a=sendonly"""
MERCURY = """v=0
o=- 14665860 31787219 1 IN IP4 192.0.2.94
s=Session streamed by "MERCURY RTSP Server"
t=0 0
a=smart_encoder:virtualIFrame=1
m=application/MERCURY 0 RTP/AVP smart/1/90000
a=rtpmap:95 MERCURY/90000
a=control:track3
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:4096
a=rtpmap:96 H264/90000
a=control:track1
a=fmtp:96 packetization-mode=1; profile-level-id=64001F; sprop-parameter-sets=Z2QAH6wkhAFAFuwEQAAAAwBAAAAMI8YMkg==,aO4yyLA=
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=control:track2
"""
REVERSED_VIEW = """v=0
o=CV-RTSPHandler 1123412 0 IN IP4 192.0.2.22
s=Camera
c=IN IP4 192.0.2.22
t=0 0
a=charset:Shift_JIS
a=range:npt=0-
a=control:*
a=etag:1234567890
m=video 0 RTP/AVP 99
a=rtpmap:99 H264/90000
a=fmtp:99 profile-level-id=42A01E;packetization-mode=1;sprop-parameter-sets=Z0KgKedAPAET8uAIEAABd2AAK/IGAAADAC+vCAAAHc1lP//jAAADABfXhAAADuayn//wIA==,aN48gA==
a=control:trackID=1
a=sendonly
m=audio 0 RTP/AVP 127
a=rtpmap:127 mpeg4-generic/8000/1
a=fmtp:127 streamtype=5; profile-level-id=15; mode=AAC-hbr; sizeLength=13; indexLength=3; indexDeltalength=3; config=1588; CTSDeltaLength=0; DTSDeltaLength=0;
a=control:trackID=2
"""
STATIC_TYPES = """v=0
o=- 1681692777 1681692777 IN IP4 192.0.2.98
s=RTSP Server
c=IN IP4 192.0.2.98
t=0 0
m=video 0 RTP/AVP 26
a=control:trackID=0
m=audio 0 RTP/AVP 0
a=control:trackID=1
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
a=control:trackID=2
m=vana 0 RTP/AVP 108
a=rtpmap:108 video.analysis/90000
a=control:trackID=3
"""
TRUNCATED = """v=0
o=- 1001 1 IN
s=VCP IPC Realtime stream
m=video 0 RTP/AVP 105
c=IN
a=control:rtsp://192.0.2.113/media/video2/video
a=rtpmap:105 H264/90000
a=fmtp:105 profile-level-id=640016; packetization-mode=1; sprop-parameter-sets=Z2QAFqw7UFAX/LNwEBAUAAADAAQAAAMAoA==,aO44gA==
a=recvonly
m=application 0 RTP/AVP 107
c=IN
a=control:rtsp://192.0.2.113/media/video2/metadata
a=rtpmap:107 vnd.onvif.metadata/90000
a=fmtp:107 DecoderTag=h3c-v3 RTCP=0
a=recvonly
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=recvonly
m=audio 0 RTP/AVP 0
c=IN
a=control:rtsp://192.0.2.113/media/video2/backchannel
a=rtpmap:0 PCMA/8000
a=rtpmap:0 PCMU/8000
a=fmtp:0 RTCP=0
a=sendonly
"""
HIKVISION = """v=0
o=- 1721969533379665 1721969533379665 IN IP4 192.0.2.12
s=Media Presentation
e=NONE
b=AS:5100
t=0 0
a=control:rtsp://192.0.2.12:554/Streaming/channels/101/
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:5000
a=recvonly
a=control:rtsp://192.0.2.12:554/Streaming/channels/101/trackID=1
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z2QAM6wVFKAoAPGQ,aO48sA==
a=Media_header:MEDIAINFO=494D4B48010300000400000111710110401F000000FA000000000000000000000000000000000000;
a=appversion:1.0
m=audio 0 RTP/AVP 11
c=IN IP4 0.0.0.0
b=AS:50
a=recvonly
a=control:rtsp://192.0.2.12:554/Streaming/channels/101/trackID=2
a=rtpmap:11 PCM/48000
a=appversion:1.0
"""
CAMERAS = {
    "repeated lines": (REPEATED_LINES, ["H264", "MPEG4-GENERIC/8000"]),
    "fmtp elsewhere": (FMTP_ELSEWHERE, ["H264", "PCMA/8000"]),
    "no last line end": (NO_LAST_LINE_END, ["H264", "MPEG4-GENERIC/16000", "PCMA/8000"]),
    "mercury": (MERCURY, [None, "H264", "PCMA/8000"]),
    "reversed view": (REVERSED_VIEW, ["H264", "MPEG4-GENERIC/8000"]),
    "static types": (STATIC_TYPES, ["JPEG", "PCMU/8000", None, None]),
    "truncated": (TRUNCATED, ["H264", None, "PCMA/8000", "PCMU/8000"]),
    "hikvision": (HIKVISION, ["H264", "PCML/48000"]),
}


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_cameras(camera: str, line_end: str) -> None:
    text, labels = CAMERAS[camera]
    found = sdp.parse(text.replace("\r\n", "\n").replace("\n", line_end).encode())
    assert [media.codecs[0].label() if media.codecs else None for media in found.medias] == labels


def test_control_of_a_track_wins_over_the_sessions() -> None:
    found = sdp.parse(REPEATED_LINES)
    assert [media.control for media in found.medias] == ["track0", "track1"]
    assert (found.control, found.name) == ("*", "RtspServer")


def test_parameter_sets_from_another_section() -> None:
    codec = sdp.parse(FMTP_ELSEWHERE).medias[0].codecs[0]
    assert codec.fmtp.startswith("packetization-mode=1")
    assert len(codec.parameter_sets) == 2


def test_directions() -> None:
    assert [media.direction for media in sdp.parse(NO_LAST_LINE_END).medias] == ["recvonly", "recvonly", "sendonly"]
    assert {media.direction for media in sdp.parse(REVERSED_VIEW).medias} == {"recvonly"}
    assert [media.direction for media in sdp.parse(TRUNCATED).medias][-1] == "sendonly"
    assert sdp.parse("a=sendonly\nm=audio 0 RTP/AVP 8\n").medias[0].direction == "sendonly"


def test_sizes_come_from_the_parameter_sets() -> None:
    media = sdp.parse(HIKVISION).medias[0]
    assert (media.codecs[0].width, media.codecs[0].height, media.bandwidth) == (2560, 1920, 5000)
    assert media.codec(96) is media.codecs[0]
    assert media.codec(97) is None


@pytest.mark.parametrize(
    ("kbits", "label"),
    [
        (128, "PCML/8000"),
        (256, "PCML/16000"),
        (705, "PCML/44100"),
        (1536, "PCML/48000/2"),
        (99, "PCML/8000"),
        (0, "97/8000"),
    ],
)
def test_pcm_that_nobody_described(kbits: int, label: str) -> None:
    found = sdp.parse(f"m=audio 0 RTP/AVP 97\nb=AS:{kbits}\na=control:x\n")
    assert found.medias[0].codecs[0].label() == label


@pytest.mark.parametrize(
    ("rtpmap", "fmtp", "label"),
    [
        ("opus/16000", "", "OPUS/48000/2"),
        ("G722/8000", "", "G722/8000"),
        ("L16/44100/2 ", "", "L16/44100/2"),
        ("MPEG4-GENERIC/48000", "config=1190", "MPEG4-GENERIC/48000/2"),
        ("speex/16000/99999", "", "SPEEX/16000"),
        ("x", "", "X/8000"),
        ("y/99999999999999999999", "", "Y/8000"),
    ],
)
def test_audio_codecs(rtpmap: str, fmtp: str, label: str) -> None:
    assert codec_of("audio", 96, rtpmap, fmtp).label() == label


def test_aac_without_config_gets_one() -> None:
    assert codec_of("audio", 96, "MPEG4-GENERIC/16000/1", "config=zz").config.hex() == "1408"


def test_aac_clock_of_sbr_output() -> None:
    codec = codec_of("audio", 96, "mpeg4-generic/48000/2", "config=1310")
    assert (codec.clock_rate, codec.rate) == (48000, 24000)


VPS, SPS, PPS = (
    "QAEMAf//AWAAAAMAkAAAAwAAAwB4LAk=",
    "QgEBIUAAAAMAkAAAAwAAAwCWoAUCAWlnpbkShc1AQIC4QAAAAwBAAAAFFEn/eEAOpgAV+V8IBBA=",
    "RAHBc9DAzJA=",
)


def test_h265_parameter_sets_are_all_or_nothing() -> None:
    whole = codec_of("video", 96, "H265/90000", f"profile-id=1; sprop-sps={SPS};sprop-vps={VPS}; sprop-pps={PPS}")
    assert [nal[0] >> 1 for nal in whole.parameter_sets] == [32, 33, 34]
    assert (whole.width, whole.height) == (640, 360)
    assert fmtp_of(whole) == f"sprop-vps={VPS};sprop-sps={SPS};sprop-pps={PPS}"
    partly = codec_of("video", 96, "H265/90000", f"profile-id=1;sprop-sps={SPS}")
    assert (partly.fmtp, partly.parameter_sets) == ("", ())


def test_parameter_sets_with_start_codes_or_without_padding() -> None:
    codec = codec_of("video", 96, "H264/90000", "sprop-parameter-sets=AAAAAWdkADOsFRSgKADxkA==,aO48sA,!,")
    assert [nal.hex() for nal in codec.parameter_sets] == ["67640033ac1514a02800f190", "68ee3cb0"]


@pytest.mark.parametrize("text", ["", "v=0\r\ns=x\r\n", "no sdp at all", b"\xff" * 50, "m" * 300_000, "m=\n" * 65])
def test_no_description(text: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        sdp.parse(text)


def test_odd_medias_are_listed() -> None:
    found = sdp.parse("m=\nm=video\nm=video x RTP/AVP a 999 -1\na=rtpmap:97 VP8/90000\na=ssrc:4294967295 cname:x\n")
    assert [(media.kind, len(media.codecs)) for media in found.medias] == [
        ("application", 0),
        ("video", 0),
        ("video", 1),
    ]
    assert found.medias[2].ssrc == 4294967295


def test_server_description() -> None:
    video = sdp.parse(NO_LAST_LINE_END).medias[0].codecs[0]
    tracks = [
        sdp.Announced(video, 96, "trackID=0"),
        sdp.Announced(Codec("MPEG4-GENERIC", "audio", 16000, fmtp="sizelength=6", config=b"\x14\x08"), 97, "trackID=1"),
        sdp.Announced(Codec("PCML", "audio", 16000), 98, "trackID=2", "sendonly"),
        sdp.Announced(Codec("PCMA", "audio", 8000), 8, "trackID=2", "sendonly"),
    ]
    text = sdp.build("go2rtc/1.9.15\r\ninjected", tracks)
    assert text == (
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=go2rtc/1.9.15 injected\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        "a=fmtp:96 packetization-mode=1;profile-level-id=640033;sprop-parameter-sets=Z2QAM6wVFKAoAPGQ,aO48sA==\r\n"
        "a=recvonly\r\na=control:trackID=0\r\n"
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;"
        "sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\na=recvonly\r\na=control:trackID=1\r\n"
        "m=audio 0 RTP/AVP 98 8\r\na=rtpmap:98 L16/16000\r\na=rtpmap:8 PCMA/8000\r\na=sendonly\r\na=control:trackID=2\r\n"
    )
    again = sdp.parse(text).medias
    assert [media.direction for media in again] == ["recvonly", "recvonly", "sendonly"]
    assert again[0].codecs[0].parameter_sets == video.parameter_sets
