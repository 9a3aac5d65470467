"""ONVIF without a network: proofs, answers of several makers, the URLs in them."""

import base64
from typing import Any

import pytest

from go2py.errors import ProtocolError, Unauthorized
from go2py.protocols.onvif import answers, operations
from go2py.protocols.onvif.client import HttpAnswer, HttpRequest, OnvifClient, Refused, Steps
from go2py.protocols.onvif.soap import fault_in, password_digest, username_token
from go2py.protocols.onvif.url import OnvifUrl, media_urls, service_path
from go2py.protocols.xml import parse


def test_digest_of_the_standard() -> None:
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    assert password_digest(nonce, "2010-09-16T07:50:45Z", "userpassword") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="
    token = parse(username_token("<a&b>", "userpassword", nonce, 1284623445.0).encode())
    assert token.value("Username") == "<a&b>"
    assert token.value("Created") == "2010-09-16T07:50:45.000Z"
    assert "userpassword" not in username_token("a", "userpassword", nonce, 0.0)


# Answers as they come, shortened. The URIs are those of public reports.

DAHUA = (
    '<s:Envelope xmlns:sc="http://www.w3.org/2003/05/soap-encoding" xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
    "<s:Header/><s:Body><trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://192.168.1.123:554/cam/realmonitor?"
    "channel=1&amp;subtype=1&amp;unicast=true&amp;proto=Onvif</tt:Uri><tt:InvalidAfterConnect>true"
    "</tt:InvalidAfterConnect></trt:MediaUri></trt:GetStreamUriResponse></s:Body></s:Envelope>"
)
OTHER = (
    '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope><SOAP-ENV:Body><trt:GetStreamUriResponse><trt:MediaUri>'
    "\n\t\t<tt:Uri>\r\n\trtsp://192.168.5.53:8090/profile1=r\n</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
)
MEDIA2 = (
    "<env:Envelope xmlns:env='http://www.w3.org/2003/05/soap-envelope'><env:Body><MC2:GetStreamUriResponse>"
    "<MC2:Uri xsi:type='x'>rtsp://10.0.0.2/s?a=1&b=2</MC2:Uri></MC2:GetStreamUriResponse></env:Body></env:Envelope>"
)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (DAHUA, "rtsp://192.168.1.123:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif"),
        (OTHER + "</SOAP-ENV:Body></SOAP-ENV:Envelope>", "rtsp://192.168.5.53:8090/profile1=r"),
        (MEDIA2, "rtsp://10.0.0.2/s?a=1&b=2"),
        ("<a/>", ""),
    ],
)
def test_uri(text: str, uri: str) -> None:
    assert answers.media_uri(parse(text.encode())) == uri


def test_services_and_capabilities() -> None:
    text = """<a><tds:Capabilities><tt:Analytics><tt:XAddr>http://192.168.1.123/onvif/analytics_service</tt:XAddr>
      </tt:Analytics><tt:Media><tt:XAddr>
      http://192.168.1.123/onvif/media_service</tt:XAddr><tt:StreamingCapabilities/></tt:Media>
      <tt:Imaging><tt:XAddr>http://192.168.1.123/onvif/imaging_service</tt:XAddr></tt:Imaging></tds:Capabilities></a>"""
    assert answers.capabilities(parse(text.encode())) == {
        "media": "/onvif/media_service",
        "imaging": "/onvif/imaging_service",
    }
    text = """<r><Service><Namespace>http://www.onvif.org/ver20/media/wsdl</Namespace><XAddr>http://0.0.0.0:8000/m2?x=1
      </XAddr></Service><Service><Namespace>http://www.onvif.org/ver10/media/wsdl</Namespace><XAddr>/no</XAddr></Service>
      </r>"""
    assert answers.services(parse(text.encode())) == {"media2": "/m2?x=1"}
    assert service_path("https://[fe80::1]/a") == "/a"
    assert service_path("http://[broken/a") == ""


HIKVISION = b"""<env:Envelope><env:Body><trt:GetProfilesResponse>
<trt:Profiles token="Profile_1" fixed="true"><tt:Name>mainStream</tt:Name>
<tt:VideoSourceConfiguration token="VideoSourceToken"><tt:Name>VideoSourceConfig</tt:Name><tt:Bounds width="2560"/>
</tt:VideoSourceConfiguration><tt:VideoEncoderConfiguration token="Video_1"><tt:Name>Video_1</tt:Name>
<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>2560</tt:Width><tt:Height>1440</tt:Height></tt:Resolution>
<tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl></tt:VideoEncoderConfiguration>
<tt:AudioEncoderConfiguration><tt:Encoding>G711</tt:Encoding></tt:AudioEncoderConfiguration>
<tt:Extension><tt:AudioOutputConfiguration token="AudioOutputConfigToken"/></tt:Extension></trt:Profiles>
<trt:Profiles token="Profile_1"><tt:Name>again</tt:Name></trt:Profiles>
<trt:Profiles><tt:Name>no token</tt:Name></trt:Profiles>
<trt:Profiles token="empty"/></trt:GetProfilesResponse></env:Body></env:Envelope>"""


def test_profiles() -> None:
    first, empty = answers.profiles(parse(HIKVISION))
    assert first == answers.Profile("Profile_1", "mainStream", "H264", 2560, 1440, 25, "G711", talk=True)
    assert empty == answers.Profile("empty")
    newer = answers.Profile("empty", video="H265", width=10, height=10)
    assert newer.merged(first).talk
    assert newer.merged(first).video == "H265"
    assert empty.merged(first).width == 2560


LEAP = (
    "<UTCDateTime><Time><Hour>1</Hour><Minute>2</Minute><Second>60</Second></Time>"
    "<Date><Year>2024</Year><Month>2</Month><Day>29</Day></Date></UTCDateTime>"
)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (LEAP, 1709168579.0),
        ("<UTCDateTime><Date><Year>2024</Year><Month>13</Month><Day>1</Day></Date></UTCDateTime>", None),
        ("<UTCDateTime><Date><Year>-1</Year></Date></UTCDateTime>", None),
        ("", None),
    ],
)
def test_clock(inner: str, expected: float | None) -> None:
    assert answers.device_time(parse(f"<r>{inner}</r>".encode())) == expected


def test_http_date() -> None:
    assert answers.http_time("Thu, 01 Jan 1970 00:00:07 GMT") == 7
    assert answers.http_time("") is None
    assert answers.http_time("Thu, 99 Foo 1970") is None


def coded(subcode: str, reason: str = "") -> str:
    code = f"<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>{subcode}</e:Value></e:Subcode></e:Code>"
    return f"<e:Fault>{code}<e:Reason><e:Text>{reason}</e:Text></e:Reason></e:Fault>"


@pytest.mark.parametrize(
    ("text", "unauthorized"),
    [
        (coded("ter:NotAuthorized", "Sender not Authorized"), True),
        (coded("wsse:FailedAuthentication"), True),
        (coded("ter:InvalidArgVal", "the sender is not authorized"), True),
        ("<s:Fault><faultcode>s:Client</faultcode><faultstring>Unauthorized</faultstring></s:Fault>", True),
        (coded("ter:ActionNotSupported"), False),
    ],
)
def test_faults(text: str, *, unauthorized: bool) -> None:
    fault = fault_in(parse(f"<r>{text}</r>".encode()))
    assert fault is not None
    assert fault.unauthorized is unauthorized


def test_url_reads_and_writes() -> None:
    url = OnvifUrl.parse("onvif://ad%40min:p%2Fw@cam.local:8000/onvif/dev?subtype=Profile%201&snapshot")
    assert (url.user, url.password, url.host, url.port, url.path) == ("ad@min", "p/w", "cam.local", 8000, "/onvif/dev")
    assert (url.subtype, url.snapshot) == ("Profile 1", True)
    assert OnvifUrl.parse(url.text()) == url
    assert "p/w" not in repr(url)
    assert str(url) == "onvif://cam.local:8000/onvif/dev?subtype=Profile%201&snapshot"
    assert url.endpoint("/m") == "http://cam.local:8000/m"
    plain = OnvifUrl.parse("onvif://192.168.1.20")
    assert (plain.endpoint(), plain.text()) == ("http://192.168.1.20:80/onvif/device_service", "onvif://192.168.1.20")
    assert OnvifUrl.parse("onvif://host?&snapshot").snapshot
    assert OnvifUrl.parse("onvif://[fe80::1]:443/").endpoint() == "https://[fe80::1]:443/onvif/device_service"
    for text in ("onvif:", "onvif://", "http://a", "onvif://a:b"):
        with pytest.raises(ProtocolError):
            OnvifUrl.parse(text)


@pytest.mark.parametrize(
    ("uri", "urls"),
    [
        ("rtsp://192.168.1.20:554/a?b=1", ("rtsp://u:p%2F@192.168.1.20:554/a?b=1",)),
        ("rtsp://0.0.0.0:8554/a", ("rtsp://u:p%2F@192.168.1.20:8554/a",)),
        ("rtsp://127.0.0.1/a", ("rtsp://u:p%2F@192.168.1.20/a",)),
        ("rtsp://camera/a", ("rtsp://u:p%2F@192.168.1.20/a",)),
        ("rtsp://10.0.0.5/a", ("rtsp://u:p%2F@192.168.1.20/a", "rtsp://u:p%2F@10.0.0.5/a")),
        ("rtsp://x:y@192.168.1.20/a", ("rtsp://x:y@192.168.1.20/a",)),
        (" http://192.168.1.20/snap.jpg\n", ("http://u:p%2F@192.168.1.20/snap.jpg",)),
    ],
)
def test_uris_lead_to_the_host_that_answered(uri: str, urls: tuple[str, ...]) -> None:
    assert media_urls(uri, OnvifUrl("192.168.1.20", user="u", password="p/")) == urls


# Conversations


def talk[T](steps: Steps[T], replies: list[HttpAnswer]) -> tuple[T | Exception, list[HttpRequest]]:
    """Play the device by a list; what came of it, and what was asked."""
    asked: list[HttpRequest] = []
    remaining = iter(replies)
    try:
        asked.append(next(steps))
        while True:
            asked.append(steps.send(next(remaining)))
    except StopIteration as end:
        return end.value, asked
    except (ProtocolError, Unauthorized, Refused) as error:
        return error, asked


def reply(inner: str, status: int = 200, **more: Any) -> HttpAnswer:
    return HttpAnswer(status, f"<E><Body>{inner}</Body></E>".encode(), arrived=1000.0, **more)


NOT_AUTHORIZED = "<Fault><Code><Subcode><Value>ter:NotAuthorized</Value></Subcode></Code></Fault>"


def client() -> OnvifClient:
    return OnvifClient(OnvifUrl("cam", user="admin", password="hunter22"), now=lambda: 1000.0)


def test_clock_offset_is_used() -> None:
    one = client()
    told = "<UTCDateTime><Date><Year>2000</Year><Month>1</Month><Day>1</Day></Date></UTCDateTime>"
    talk(one.clock(), [reply(f"<GetSystemDateAndTimeResponse>{told}</GetSystemDateAndTimeResponse>")])
    assert one.offset == 946684800 - 1000
    one.services["media"] = "/m"
    _, asked = talk(one.stream_uri("a"), [reply("<GetStreamUriResponse><Uri>rtsp://x</Uri></GetStreamUriResponse>")])
    assert b"2000-01-01T00:00:00.000Z" in asked[0].body
    assert b"hunter22" not in asked[0].body


def test_public_operations_carry_no_password_unless_asked_to() -> None:
    result, asked = talk(client().device_information(), [reply("<GetDeviceInformationResponse/>")])
    assert result == answers.DeviceInformation()
    assert b"Username" not in asked[0].body
    result, asked = talk(
        client().device_information(), [reply(NOT_AUTHORIZED, 400), reply("<GetDeviceInformationResponse/>")]
    )
    assert [b"Username" in request.body for request in asked] == [False, True]


def test_refused_password_is_never_sent_again() -> None:
    one = client()
    one.services["media"] = "/m"
    first, asked = talk(one.stream_uri("a"), [reply(NOT_AUTHORIZED, 400)])
    assert isinstance(first, Unauthorized)
    assert len(asked) == 1
    again, asked = talk(one.stream_uri("a"), [])
    assert isinstance(again, Unauthorized)
    assert not asked


def test_digest_when_the_device_asks_for_it_but_never_basic() -> None:
    one = client()
    one.services["media"] = "/m?x=1"
    challenge = {"challenges": ('Digest realm="d", nonce="n", qop="auth"', 'Basic realm="d"')}
    good = reply("<GetStreamUriResponse><Uri>rtsp://x</Uri></GetStreamUriResponse>")
    # the device knows HTTP Digest only, and finds fault with the token beside it
    result, asked = talk(one.stream_uri("a"), [reply("", 401, **challenge), reply(NOT_AUTHORIZED, 400), good])
    assert result == "rtsp://x"
    assert [bool(request.headers.get("Authorization")) for request in asked] == [False, True, True]
    assert [b"Username" in request.body for request in asked] == [True, True, False]
    assert 'uri="/m?x=1"' in asked[1].headers["Authorization"]
    two = client()
    two.services["media"] = "/m"
    failed, asked = talk(two.stream_uri("a"), [reply("", 401, challenges=('Basic realm="d"',))])
    assert isinstance(failed, Unauthorized)
    assert len(asked) == 1


def test_other_faults_are_told() -> None:
    one = client()
    one.services["media"] = "/m"
    failed, _ = talk(one.stream_uri("<&>"), [reply(coded("ter:NoProfile", "gone\n away"), 500)])
    assert isinstance(failed, Refused)
    assert str(failed) == "cam:80 refuses GetStreamUri: gone away"


def test_names_of_operations() -> None:
    assert operations.name_of(operations.CLOCK) == "GetSystemDateAndTime"
    assert {operations.name_of(body) for _, body in operations.stream_uri("<x>")} == {"GetStreamUri"}
    assert "&lt;x&gt;" in operations.stream_uri("<x>")[0][1]
