"""Finding without a network: answers of devices, merging, the table of makers, what is announced."""

import ipaddress
import uuid
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from go2py.config.load import ConfigFiles
from go2py.config.values import ApiConfig, AppConfig, Config, DiscoveryConfig
from go2py.discovery import mdns, wsdd
from go2py.discovery.announce import Notice, notice
from go2py.discovery.found import Devices, Sighting
from go2py.discovery.makers import COMMON, MAKERS, is_camera, maker_of, pairs
from go2py.discovery.networks import Link
from go2py.discovery.ports import MAX_HOSTS, hosts
from go2py.discovery.probe import Address, parse_address, without_credentials
from go2py.errors import ProtocolError
from go2py.protocols import ssdp
from go2py.protocols import wsdd as wire
from go2py.protocols.xml import parse

ID = str(uuid.UUID(int=7))


def answer(
    scopes: str, xaddrs: str, types: str = "dn:NetworkVideoTransmitter", relates: str = f"urn:uuid:{ID}"
) -> bytes:
    return (
        f"<SOAP-ENV:Envelope><SOAP-ENV:Header><wsa:RelatesTo>{relates}</wsa:RelatesTo></SOAP-ENV:Header><SOAP-ENV:Body>"
        "<d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>urn:uuid:1-2</wsa:Address>"
        f"</wsa:EndpointReference><d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "<d:MetadataVersion>10</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def seen(data: bytes, sender: str = "192.168.1.20") -> list[Sighting]:
    return [wsdd._sighting(match, sender) for match in wire.matches(data, [ID], sender)]


def test_question_names_what_it_asks_for() -> None:
    for kind in wire.KINDS:
        root = parse(wire.probe(ID, kind))
        assert root.value("Types") == kind
        assert root.value("MessageID") == f"urn:uuid:{ID}"
        if kind:
            assert f"xmlns:{kind.partition(':')[0]}=".encode() in wire.probe(ID, kind)


HIKVISION = (
    "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/Profile/Streaming "
    "onvif://www.onvif.org/MAC/4c:bd:8f:00:00:01 onvif://www.onvif.org/hardware/DS-2CD2032-I "
    "onvif://www.onvif.org/name/HIKVISION%20DS-2CD2032-I onvif://www.onvif.org/location/city/hangzhou"
)


@pytest.mark.parametrize(
    ("scopes", "xaddrs", "source", "name", "model"),
    [
        (HIKVISION, "http://192.168.1.20/onvif/device_service http://[fe80::1]/onvif/device_service",
         "onvif://192.168.1.20", "HIKVISION DS-2CD2032-I", "DS-2CD2032-I"),
        ("onvif://www.onvif.org/name/TP-IPC onvif://www.onvif.org/hardware/MODEL",
         "http://192.168.1.20:2020/onvif/device_service", "onvif://192.168.1.20:2020", "TP-IPC", "MODEL"),
        ("onvif://www.onvif.org/hardware/X onvif://www.onvif.org/name/", "http://0.0.0.0:8899/onvif/device_service",
         "onvif://192.168.1.20:8899", "", "X"),
        ("ONVIF://WWW.ONVIF.ORG/NAME/A%zz%20B", "http://10.9.9.9:8000/onvif/devices", "onvif://192.168.1.20:8000/onvif/devices",
         "A%zz B", ""),
        ("", "https://192.168.1.20/onvif/device_service", "onvif://192.168.1.20:443", "", ""),
    ],
)  # fmt: skip
def test_answers_of_several_makers(scopes: str, xaddrs: str, source: str, name: str, model: str) -> None:
    (found,) = seen(answer(scopes, xaddrs))
    assert (found.source, found.name, found.model) == (source, name, model)
    assert found.host == "192.168.1.20"
    assert found.mac == ("4c:bd:8f:00:00:01" if "MAC" in scopes else "")


def test_what_is_no_answer_of_a_camera() -> None:
    assert not seen(answer("", "http://192.168.1.9/wsd/print", "wsdp:Device wprt:PrintDeviceType"))
    assert not seen(answer(HIKVISION, "http://192.168.1.20/", relates="urn:uuid:somebody-else"))
    assert not seen(answer(HIKVISION, "ftp://192.168.1.20/ http://[x"))
    assert not seen(b"<a/>")
    with pytest.raises(ProtocolError):
        seen(b"\x00\x01")


def test_ssdp() -> None:
    text = (
        b"HTTP/1.1 200 OK\r\nST:upnp:rootdevice\r\nLocation: http://192.168.1.20:49152/d.xml\r\n"
        b"USN: uuid:abc::upnp:rootdevice\r\nSERVER: Linux\r\n\r\n"
    )
    assert ssdp.answer(text, "192.168.1.20") == ssdp.Answer("uuid:abc", "http://192.168.1.20:49152/d.xml", "Linux")
    for wrong in (
        text.replace(b"200", b"404"),
        text.replace(b".1.20", b".1.99"),
        text.replace(b"http:", b"file:"),
        b"",
    ):
        with pytest.raises(ProtocolError):
            ssdp.answer(wrong, "192.168.1.20")
    described = ssdp.description(
        b"<root xmlns='urn:schemas-upnp-org:device-1-0'><device><friendlyName>HIKVISION DS</friendlyName>"
        b"<manufacturer> HIKVISION </manufacturer><modelName>DS</modelName></device></root>"
    )
    assert (described.maker, described.model) == ("HIKVISION", "DS")
    with pytest.raises(ProtocolError):
        ssdp.description(b"<root/>")
    assert ssdp.search().endswith(b"\r\n\r\n")


def test_makers_are_recognised() -> None:
    cases = {"HIKVISION DS-2CD2032-I": "Hikvision", "TP-IPC tapo C200": "TP-Link", "AXIS M1065-LW": "Axis",
             "Zhejiang Uniview Technologies": "Uniview", "DH-IPC-HFW": "Dahua"}  # fmt: skip
    for text, name in cases.items():
        maker = maker_of(text)
        assert maker is not None
        assert maker.name == name
    assert maker_of("taxisystem", "relaxis") is None
    assert is_camera(maker_of("Reolink"), "RLC")
    assert not is_camera(maker_of("TP-Link"), "Archer AX50")
    assert is_camera(maker_of("TP-Link"), "Tapo Camera")
    assert not is_camera(None, "Basic:1", "Living room TV")


def test_table_of_paths() -> None:
    for maker in MAKERS:
        assert maker.names
        assert all(name == name.lower() for name in maker.names)
        assert not maker.hint or maker.hint.endswith(".")
    for main, sub in (*COMMON, *(pair for maker in MAKERS for pair in maker.paths)):
        assert main.startswith("/")
        assert not sub or (sub.startswith("/") and sub != main)
        assert not any(character.isspace() or character == "#" for character in main + sub)
    tried = list(pairs(maker_of("tapo")))
    assert tried[0] == ("/stream1", "/stream2")
    assert len(tried) == len(set(tried)) < 40


def test_sightings_become_devices() -> None:
    devices = Devices()
    first = devices.add(Sighting("192.168.1.20", "upnp", "uuid:1", name="Hall", maker="Reolink"))
    assert first is not None
    assert devices.add(Sighting("192.168.1.20", "upnp", "uuid:1", name="Hall", maker="Reolink")) is None
    again = devices.add(Sighting("192.168.1.20", "onvif", "urn:1", "aa:bb:cc:dd:ee:ff", source="onvif://192.168.1.20"))
    assert again is first
    assert devices.add(Sighting("192.168.1.21", "onvif", "urn:2")) is not first
    moved = devices.add(Sighting("192.168.1.30", "mdns", "", "aa:bb:cc:dd:ee:ff", model="E1"))
    assert moved is first
    assert first.to_json() == {
        "id": "aa:bb:cc:dd:ee:ff",
        "address": "192.168.1.20",
        "mac": "aa:bb:cc:dd:ee:ff",
        "name": "Hall",
        "maker": "Reolink",
        "model": "E1",
        "hint": maker_of("reolink").hint,  # type: ignore[union-attr]
        "source": "onvif://192.168.1.20",
        "via": ["onvif", "upnp", "mdns"],
    }
    # two devices behind one address, as recorders have them
    assert devices.add(Sighting("192.168.1.20", "onvif", "urn:3")) not in (first, None)
    assert len(list(devices)) == 3


def service(type_: str, name: str, properties: dict[bytes, bytes | None], **more: Any) -> Any:
    info = {"type": type_, "name": f"{name}.{type_}", "port": 554, "server": "x.local.", "properties": properties}
    return SimpleNamespace(**info | more, parsed_addresses=lambda: more.get("addresses", ["fe80::1", "192.168.1.20"]))


def test_mdns_services() -> None:
    axis = mdns.sighting(
        service("_axis-video._tcp.local.", "AXIS M1065 - ACCC8E000001", {b"macaddress": b"ACCC8E000001"})
    )
    assert axis is not None
    assert (axis.maker, axis.mac, axis.host) == ("Axis", "ac:cc:8e:00:00:01", "192.168.1.20")
    rtsp = mdns.sighting(service("_rtsp._tcp.local.", "cam", {b"path": b"live", b"x": None}, port=8554))
    assert rtsp is not None
    assert rtsp.source == "rtsp://192.168.1.20:8554/live"
    assert mdns.sighting(service("_cgi._tcp.local.", "printer", {})) is None
    assert mdns.sighting(service("_rtsp._tcp.local.", "cam", {}, addresses=["fe80::1"])) is None


def test_only_private_neighbours_are_looked_at() -> None:
    def link(address: str, prefix: int) -> Link:
        return Link(address, ipaddress.IPv4Network((address, prefix), strict=False))

    assert len(list(hosts([link("192.168.1.5", 24)]))) == 253
    assert "192.168.1.5" not in hosts([link("192.168.1.5", 24)])
    assert not list(hosts([link("8.8.8.8", 24), link("169.254.3.4", 16)]))
    assert len(list(hosts([link("10.0.0.1", 8), link("192.168.1.5", 24)]))) <= MAX_HOSTS


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" 192.168.1.20 ", Address("192.168.1.20")),
        ("camera.local:8554", Address("camera.local", 8554)),
        ("rtsp://u:p@192.168.1.20:554/live/main?x=1", Address("192.168.1.20", 554, "/live/main?x=1")),
        ("http://192.168.1.20/doc/page", Address("192.168.1.20")),
        ("onvif://192.168.1.20:2020/onvif/x", Address("192.168.1.20", 2020)),
        ("[fe80::1]:80", Address("fe80::1", 80)),
        ("fd00::20", Address("fd00::20")),
    ],
)
def test_addresses_as_people_type_them(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "a b", "http://", "a:99999", "a\nb", "-" * 300, "@"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_address(text)


def test_credentials_are_taken_out() -> None:
    assert without_credentials("rtsp://u:p%40@h/a@b") == "rtsp://h/a@b"
    assert without_credentials("rtsp://h/a@b") == "rtsp://h/a@b"


WIDE = ["http://127.0.0.1:1984"]


@pytest.mark.parametrize(
    ("api", "addresses", "expected"),
    [
        (ApiConfig(), WIDE, Notice(1984)),
        (ApiConfig(base_path="/rtc"), WIDE, Notice(1984, "/rtc")),
        (ApiConfig(listen="192.168.1.5:1984"), ["http://192.168.1.5:1984"], Notice(1984, host="192.168.1.5")),
        (ApiConfig(listen="127.0.0.1:1984"), WIDE, None),
        (ApiConfig(listen="localhost:1984"), WIDE, None),
        (ApiConfig(listen="127.0.0.1:1984", tls_listen=":1443"), [*WIDE, "https://127.0.0.1:1443"],
         Notice(1443, https=True)),
        (ApiConfig(listen=""), ["unix:/run/x"], None),
        (ApiConfig(), [], None),
        (ApiConfig(allow_paths=("/api",)), WIDE, None),
        (ApiConfig(allow_paths=()), WIDE, None),
        (ApiConfig(), [*WIDE, "http://172.30.32.1:8099"], Notice(1984)),  # ingress is for Supervisor only
        (ApiConfig(), ["http://172.30.32.1:8099"], None),
    ],
)  # fmt: skip
def test_what_is_announced(api: ApiConfig, addresses: list[str], expected: Notice | None) -> None:
    config = Config(api=api)
    assert notice(config, addresses) == expected
    assert notice(replace(config, discovery=DiscoveryConfig(announce=False)), addresses) is None
    assert notice(replace(config, app=AppConfig(frozenset({"api"}))), addresses) is None


def test_properties_of_the_announcement() -> None:
    properties = Notice(1984, "/x", https=True, identity="7").properties
    assert (properties["path"], properties["https"], properties["id"]) == ("/x", "true", "7")
    assert "id" not in Notice(1984).properties


def test_configuration_of_the_announcement() -> None:
    assert ConfigFiles(("{}",)).load().discovery.announce
    assert not ConfigFiles(("{discovery: {announce: false}}",)).load().discovery.announce
    assert ConfigFiles(("{discovery: {anounce: false}}",)).load().problems
