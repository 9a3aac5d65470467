"""An ONVIF device for tests: SOAP over HTTP and WS-Discovery, as awkward as its script says.

It reads requests by regular expressions and checks security by its own arithmetic, so that it shares no mistake with
the code under test.
"""

import asyncio
import base64
import hashlib
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

GROUP = "239.255.255.250"
DISCOVERY_PORT = 3702


@dataclass(frozen=True, slots=True)
class FakeProfile:
    token: str
    uri: str
    name: str = "main stream"
    encoding: str = "H264"
    width: int = 1920
    height: int = 1080
    audio: str = "G711"
    talk: bool = False


@dataclass(slots=True)
class Script:
    """How the device behaves; the defaults are those of a good one."""

    user: str = ""
    password: str = ""
    accepts: str = "token"
    """`token`, `digest` (HTTP only, the token ignored), `both` (digest needed and a right token too)."""
    clock: float = 0.0
    """Seconds that its clock is ahead; tokens further than 5 s off are refused."""
    tells_clock: bool = True
    profiles: Sequence[FakeProfile] = ()
    media2: bool = False
    media2_only: bool = False
    services: bool = True
    capabilities: bool = True
    """Whether GetServices, GetCapabilities are understood."""
    advertised: str = ""
    """Host and port in its addresses; empty: the right ones, `0.0.0.0`: what devices say that do not know theirs."""
    fault_status: int = 400
    snapshot: str = ""
    prefix: str = "SOAP-ENV"
    """Namespace prefix of envelopes; `soap11` answers in SOAP 1.1."""
    namespaces: bool = True
    """Whether prefixes of the content are declared."""
    trailing: str = ""
    """Written behind every answer."""
    maker: str = "ACME"
    model: str = "Cam & Co 1"
    scopes: str = (
        "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/ACME%20Cam onvif://www.onvif.org/hardware/C1"
        " onvif://www.onvif.org/MAC/02:00:00:00:00:01"
    )
    delay: float = 0.0
    garbage: bytes = b""
    """Answered instead of anything else."""


class Device:
    """Use as `async with Device(script) as device:`. `seen` counts operations, `attempts` requests with credentials,
    `refused` those of them that were wrong."""

    def __init__(self, script: Script | None = None, *, host: str = "127.0.0.1", discoverable: bool = False) -> None:
        self.script = script or Script()
        self.host, self.port = host, 0
        self.seen: Counter[str] = Counter()
        self.attempts = self.refused = self.probes = 0
        self.uuid = "urn:uuid:4d454930-0000-1000-8000-020000000001"
        self._discoverable = discoverable
        self._runner: web.AppRunner | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._nonce = "6a1f"
        self._used: set[str] = set()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        if self._discoverable:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Responder(self), sock=_multicast(self.host)
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        script = self.script
        who = f"{script.user}:{script.password}@" if script.user else ""
        return f"onvif://{who}{self.place}"

    @property
    def operations(self) -> list[str]:
        return [name for name, count in self.seen.items() for _ in range(count)]

    # Answering

    async def _answer(self, request: web.Request) -> web.Response:
        script = self.script
        if script.delay:
            await asyncio.sleep(script.delay)
        body = (await request.read()).decode()
        found = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", body)
        operation = found[1] if found else ""
        self.seen[operation] += 1
        if script.garbage:
            return web.Response(body=script.garbage)
        public = {"GetServices", "GetCapabilities"} | ({"GetSystemDateAndTime"} if script.tells_clock else set())
        if operation not in public and script.user and (refusal := self._refusal(request, body)):
            return refusal
        if not script.namespaces:
            return self._envelope(re.sub(r' xmlns:?\w*="[^"]*"', "", self._content(operation, request.path, body)))
        content = self._content(operation, request.path, body)
        return self._envelope(content) if content else self._fault("ter:ActionNotSupported", "Action Not Implemented")

    def _content(self, operation: str, path: str, body: str) -> str:
        script = self.script
        media2 = path.endswith("media2_service")
        token = re.search(r"ProfileToken>([^<]*)<", body)
        profile = next((p for p in script.profiles if token and escape(p.token) == token[1]), None)
        match operation:
            case "GetSystemDateAndTime":
                now = datetime.fromtimestamp(time.time() + script.clock, UTC)
                return (
                    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
                    f"<tt:UTCDateTime><tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>"
                    f"{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}"
                    f"</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
                    "</tds:GetSystemDateAndTimeResponse>"
                )
            case "GetServices" if script.services:
                return f"<tds:GetServicesResponse>{self._services()}</tds:GetServicesResponse>"
            case "GetCapabilities" if script.capabilities:
                media = f"<tt:Media><tt:XAddr>{self._xaddr('media_service')}</tt:XAddr></tt:Media>"
                device = f"<tt:Device><tt:XAddr>{self._xaddr('device_service')}</tt:XAddr></tt:Device>"
                inner = device + ("" if script.media2_only else media)
                return (
                    f"<tds:GetCapabilitiesResponse><tds:Capabilities>{inner}</tds:Capabilities>"
                    "</tds:GetCapabilitiesResponse>"
                )
            case "GetDeviceInformation":
                return (
                    f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{escape(script.maker)}</tds:Manufacturer>"
                    f"<tds:Model>{escape(script.model)}</tds:Model><tds:FirmwareVersion>1.2</tds:FirmwareVersion>"
                    "<tds:SerialNumber>S1</tds:SerialNumber><tds:HardwareId>H1</tds:HardwareId>"
                    "</tds:GetDeviceInformationResponse>"
                )
            case "GetProfiles" if media2 or not script.media2_only:
                return self._profiles("tr2" if media2 else "trt")
            case "GetStreamUri" if profile and (media2 or not script.media2_only):
                uri = escape(profile.uri)
                if media2:
                    return f"<tr2:GetStreamUriResponse><tr2:Uri>\n  {uri}\n</tr2:Uri></tr2:GetStreamUriResponse>"
                inner = f"<tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                return f"<trt:GetStreamUriResponse><trt:MediaUri>{inner}</trt:MediaUri></trt:GetStreamUriResponse>"
            case "GetSnapshotUri" if profile and script.snapshot:
                inner = f"<tt:Uri>{escape(script.snapshot)}</tt:Uri>"
                return f"<trt:GetSnapshotUriResponse><trt:MediaUri>{inner}</trt:MediaUri></trt:GetSnapshotUriResponse>"
            case _:
                return ""

    def _services(self) -> str:
        script = self.script
        known = [("http://www.onvif.org/ver10/device/wsdl", "device_service")]
        known += [] if script.media2_only else [("http://www.onvif.org/ver10/media/wsdl", "media_service")]
        known += (
            [("http://www.onvif.org/ver20/media/wsdl", "media2_service")] if script.media2 or script.media2_only else []
        )
        return "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{self._xaddr(path)}</tds:XAddr>"
            "<tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for namespace, path in known
        )

    def _xaddr(self, service: str) -> str:
        return f"http://{self.script.advertised or self.place}/onvif/{service}"

    def _profiles(self, prefix: str) -> str:
        inner = self._profile2 if prefix == "tr2" else self._profile1
        found = [
            f'<{prefix}:Profiles token="{escape(profile.token)}" fixed="true">{inner(profile)}</{prefix}:Profiles>'
            for profile in self.script.profiles
        ]
        return f"<{prefix}:GetProfilesResponse>{''.join(found)}</{prefix}:GetProfilesResponse>"

    def _profile1(self, profile: FakeProfile) -> str:
        """As media has it, which knows no H.265."""
        video = "" if profile.encoding == "H265" else f"<tt:Name>v</tt:Name>{_video(profile)}"
        video = f'<tt:VideoEncoderConfiguration token="v">{video}</tt:VideoEncoderConfiguration>'
        sound = f"<tt:Name>a</tt:Name><tt:Encoding>{profile.audio}</tt:Encoding>"
        sound = f'<tt:AudioEncoderConfiguration token="a">{sound}</tt:AudioEncoderConfiguration>'
        talk = "<tt:AudioOutputConfiguration token='o'/>" if profile.talk else ""
        return f"<tt:Name>{escape(profile.name)}</tt:Name>{video}{sound}<tt:Extension>{talk}</tt:Extension>"

    def _profile2(self, profile: FakeProfile) -> str:
        """As media2 has it."""
        video = f"<tr2:VideoEncoder>{_video(profile)}</tr2:VideoEncoder>"
        sound = f"<tr2:AudioEncoder><tt:Encoding>{profile.audio}</tt:Encoding></tr2:AudioEncoder>"
        talk = "<tr2:AudioOutput token='o'/>" if profile.talk else ""
        name = f"<tr2:Name>{escape(profile.name)}</tr2:Name>"
        return f"{name}<tr2:Configurations>{video}{sound}{talk}</tr2:Configurations>"

    def _envelope(self, content: str, status: int = 200) -> web.Response:
        script = self.script
        prefix = script.prefix
        version = "http://www.w3.org/2003/05/soap-envelope"
        if prefix == "soap11":
            prefix, version = "soap", "http://schemas.xmlsoap.org/soap/envelope/"
        declared = (
            ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"'
            ' xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
            ' xmlns:ter="http://www.onvif.org/ver10/error"'
        )
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{prefix}:Envelope xmlns:{prefix}="{version}"'
            f"{declared if script.namespaces else ''}><{prefix}:Body>{content}</{prefix}:Body></{prefix}:Envelope>"
            f"{script.trailing}"
        )
        return web.Response(text=text, status=status, content_type="application/soap+xml", charset="utf-8")

    def _fault(self, code: str, reason: str, status: int = 0) -> web.Response:
        prefix = self.script.prefix
        if prefix == "soap11":
            content = f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{reason}</faultstring></soap:Fault>"
        else:
            content = (
                f"<{prefix}:Fault><{prefix}:Code><{prefix}:Value>{prefix}:Sender</{prefix}:Value><{prefix}:Subcode>"
                f"<{prefix}:Value>{code}</{prefix}:Value></{prefix}:Subcode></{prefix}:Code><{prefix}:Reason>"
                f'<{prefix}:Text xml:lang="en">{reason}</{prefix}:Text></{prefix}:Reason></{prefix}:Fault>'
            )
        return self._envelope(content, status or self.script.fault_status)

    # Security

    def _refusal(self, request: web.Request, body: str) -> web.Response | None:
        script = self.script
        header = request.headers.get("Authorization", "")
        token = "<UsernameToken>" in body or "UsernameToken" in body
        if header or (token and script.accepts != "digest"):
            self.attempts += 1
        good_token, good_digest = token and self._token_fits(body), self._digest_fits(header)
        if {"token": good_token, "digest": good_digest, "both": good_token and good_digest}[script.accepts]:
            return None
        if header or (token and script.accepts == "token"):
            self.refused += 1
        if script.accepts != "token" and not good_digest:
            challenge = f'Digest realm="device", qop="auth", nonce="{self._nonce}", algorithm=MD5'
            return web.Response(status=401, text="<html>401</html>", headers={"WWW-Authenticate": challenge})
        return self._fault("ter:NotAuthorized", "Sender not Authorized")

    def _token_fits(self, body: str) -> bool:
        script = self.script

        def value(name: str) -> str:
            found = re.search(rf"<(?:[\w-]+:)?{name}(?:\s[^>]*)?>([^<]*)<", body)
            return found[1] if found else ""

        nonce, created = value("Nonce"), value("Created")
        moment = datetime.fromisoformat(created).timestamp()
        raw = base64.b64decode(nonce) + created.encode() + script.password.encode()
        fresh = nonce not in self._used and abs(moment - (time.time() + script.clock)) <= 5
        self._used.add(nonce)
        expected = base64.b64encode(hashlib.sha1(raw).digest()).decode()  # noqa: S324  the profile's algorithm
        return fresh and value("Username") == escape(script.user) and value("Password") == expected

    def _digest_fits(self, header: str) -> bool:
        values = dict(re.findall(r'(\w+)="?([^",]*)"?', header.partition(" ")[2]))
        if not header.startswith("Digest") or values.get("nonce") != self._nonce:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()  # noqa: S324

        ha1 = md5(f"{self.script.user}:device:{self.script.password}")
        ha2 = md5(f"POST:{values.get('uri', '')}")
        middle = f"{values['nonce']}:{values.get('nc', '')}:{values.get('cnonce', '')}:auth"
        return values.get("username") == self.script.user and values.get("response") == md5(f"{ha1}:{middle}:{ha2}")

    # Discovery

    def match(self, message: str) -> str:
        """The answer to a probe."""
        relates = re.search(r"MessageID[^>]*>([^<]*)<", message)
        return (
            '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope '
            'xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
            'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
            'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>'
            f"<wsa:MessageID>uuid:1</wsa:MessageID><wsa:RelatesTo>{relates[1] if relates else ''}</wsa:RelatesTo>"
            "<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To><wsa:Action>"
            "http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</wsa:Action></SOAP-ENV:Header><SOAP-ENV:Body>"
            f"<d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>{self.uuid}</wsa:Address>"
            "</wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>"
            f"<d:Scopes>{escape(self.script.scopes)}</d:Scopes><d:XAddrs>{self._xaddr('device_service')}</d:XAddrs>"
            "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"
        )


def _video(profile: FakeProfile) -> str:
    size = f"<tt:Width>{profile.width}</tt:Width><tt:Height>{profile.height}</tt:Height>"
    return (
        f"<tt:Encoding>{profile.encoding}</tt:Encoding><tt:Resolution>{size}</tt:Resolution>"
        "<tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl>"
    )


class _Responder(asyncio.DatagramProtocol):
    def __init__(self, device: Device) -> None:
        self._device = device

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode("utf-8", "replace")
        if "NetworkVideoTransmitter" in text:  # cameras answer one kind of question
            self._device.probes += 1
            self._transport.sendto(self._device.match(text).encode(), addr)


def _multicast(host: str) -> socket.socket:
    """A socket for the group's port, joined on the interface with this address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("", DISCOVERY_PORT))
    member = struct.pack("=4s4s", socket.inet_aton(GROUP), socket.inet_aton(host))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    sock.setblocking(False)  # noqa: FBT003
    return sock
