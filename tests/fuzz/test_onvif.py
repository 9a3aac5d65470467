"""Whatever a device on the network sends: a value or a `ProtocolError` (or one of the sentences of a source)."""

import random

from go2py.discovery.probe import parse_address
from go2py.errors import ProtocolError, SourceError
from go2py.protocols import ssdp, wsdd, xml
from go2py.protocols.onvif import answers
from go2py.protocols.onvif.client import HttpAnswer, OnvifClient, Steps
from go2py.protocols.onvif.soap import body_of, fault_in
from go2py.protocols.onvif.url import OnvifUrl, media_urls, service_path
from tests.fakes.onvif_device import Device, FakeProfile, Script

from .mutate import mutations

DEVICE = Device(
    Script(
        profiles=[FakeProfile("p1", "rtsp://192.168.1.20:554/a?b=1&c=2", talk=True), FakeProfile("ü&", "rtsp://x/")],
        media2=True,
        snapshot="http://0.0.0.0/s.jpg",
    )
)
NAMES = (
    "GetSystemDateAndTime",
    "GetServices",
    "GetCapabilities",
    "GetDeviceInformation",
    "GetProfiles",
    "GetStreamUri",
)


def contents() -> list[bytes]:
    """One good answer of each operation."""
    asked = "<x:ProfileToken>p1</x:ProfileToken>"
    paths = ("/onvif/media_service", "/onvif/media2_service")
    found = [DEVICE._envelope(DEVICE._content(name, path, asked)).body for name in NAMES for path in paths]
    found.append(DEVICE._fault("ter:NotAuthorized", "Sender not Authorized").body)
    found += [b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"<a>&#x0;&#xFFFFFF;&#99999999;</a>", b"<a:b:c d:e=''/>"]
    return [data for data in found if isinstance(data, bytes)]


def test_xml_and_all_that_is_read_from_it() -> None:
    read = 0
    for data in mutations(contents(), 6000):
        try:
            root = xml.parse(data)
        except ProtocolError:
            continue
        read += 1
        found = body_of(root)
        fault_in(root)
        answers.device_time(found)
        answers.device_information(found)
        answers.profiles(found)
        answers.media_uri(found)
        for path in (answers.services(found) | answers.capabilities(found)).values():
            assert path.startswith("/")
    assert read > 500


def test_conversations_end() -> None:
    """Any answer to any question leads to an end, after a bounded number of questions."""
    samples = contents()
    chance = random.Random(7)
    inputs = mutations(samples, 4000, seed=3)
    challenges = ('Digest realm="a", nonce="b", qop="auth"', "Basic realm=x", 'Digest nonce="', "")

    def play[T](steps: Steps[T]) -> int:
        asked = 0
        try:
            next(steps)
            while True:
                asked += 1
                data = chance.choice(samples) if chance.random() < 0.6 else next(inputs)
                status = chance.choice((200, 200, 200, 400, 401, 403, 404, 500, 302))
                steps.send(HttpAnswer(status, data, (chance.choice(challenges),), chance.choice(("", "Thu", "Thu, 1"))))
        except StopIteration, SourceError, ProtocolError:
            return asked

    for _ in range(300):
        client = OnvifClient(OnvifUrl("cam", user="u", password="p"), now=lambda: 1e9)
        assert play(client.connect()) < 12
        assert play(client.profiles()) < 30
        assert play(client.stream_uri("p1")) < 30


def test_discovery_answers() -> None:
    matches = [DEVICE.match(f"<MessageID>{index}</MessageID>").encode() for index in range(3)]
    for data in mutations([*matches, wsdd.probe("0", "tds:Device")], 3000):
        try:
            found = wsdd.matches(data, ["0", "1", "2"], "192.168.1.20")
        except ProtocolError:
            continue
        for match in found:
            assert match.urls
            assert len(match.name + match.hardware) < 500
            assert len(match.mac) in (0, 17)


def test_ssdp_answers() -> None:
    answer = b"HTTP/1.1 200 OK\r\nLocation: http://192.168.1.20:80/d\r\nUSN: uuid:a::b\r\nServer: x\r\n\r\n"
    for data in mutations([answer, b"NOTIFY * HTTP/1.1\r\n\r\n"], 3000):
        try:
            assert ssdp.answer(data, "192.168.1.20").location.startswith("http")
        except ProtocolError:
            continue
    description = b"<root><device><manufacturer>A</manufacturer><modelName>B</modelName></device></root>"
    for data in mutations([description], 1500):
        try:
            ssdp.description(data)
        except ProtocolError:
            continue


def test_urls_and_addresses() -> None:
    samples = [
        b"onvif://user:p%40ss@192.168.1.20:8000/onvif/device_service?subtype=Profile_1&snapshot",
        b"rtsp://[fe80::1%25eth0]:554/a?b=c",
        b"http://u:p@0.0.0.0/snap.jpg",
    ]
    asked = OnvifUrl("192.168.1.20", user="u", password="p")
    for data in mutations(samples, 6000):
        text = data.decode("utf-8", "replace")
        service_path(text)
        for read in (OnvifUrl.parse, parse_address, lambda text: media_urls(text, asked)):
            try:
                read(text)
            except ProtocolError:
                continue
