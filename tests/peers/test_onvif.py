"""ONVIF against programs nobody here wrote: Home Assistant's client library reads our fake device, so that what our own
client gets from it means something; and WSDiscovery answers our questions and asks our fake."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from go2py.sources.registry import explore
from go2py.streams.source import SourceUrl
from tests.fakes.onvif_device import Device, FakeProfile, Script

PROFILES = [
    FakeProfile("Profile_1", "rtsp://127.0.0.1:554/main?a=1&b=2", "main & <first>", width=2560, height=1440),
    FakeProfile("Profile_2", "rtsp://127.0.0.1:554/sub", width=640, height=360),
]


@pytest.mark.filterwarnings("ignore")
async def test_onvif_zeep_reads_what_we_read() -> None:
    onvif = pytest.importorskip("onvif")
    script = Script("admin", "p&ss", profiles=PROFILES, snapshot="http://127.0.0.1/s.jpg", clock=3600.0)
    async with Device(script) as device:
        wsdl = Path(onvif.__file__).with_name("wsdl")
        camera = onvif.ONVIFCamera("127.0.0.1", device.port, "admin", "p&ss", str(wsdl), adjust_time=True)
        try:
            await camera.update_xaddrs()
            information = await (await camera.create_devicemgmt_service()).GetDeviceInformation()
            media = await camera.create_media_service()
            profiles = await media.GetProfiles()
            uris = [await _stream_uri(media, profile.token) for profile in profiles]
        finally:
            await camera.close()
        ours = await explore(SourceUrl(f"onvif://admin:p%26ss@{device.place}"))
    assert (ours.maker, ours.model) == (information.Manufacturer, information.Model)
    assert [stream.name for stream in ours.streams] == [profile.Name for profile in profiles]
    assert [stream.size for stream in ours.streams] == [
        (resolution.Width, resolution.Height)
        for resolution in (profile.VideoEncoderConfiguration.Resolution for profile in profiles)
    ]
    assert [stream.direct[0].replace("admin:p%26ss@", "") for stream in ours.streams] == uris


async def _stream_uri(media: Any, token: str) -> str:
    request = media.create_type("GetStreamUri")
    request.ProfileToken = token
    request.StreamSetup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    uri: str = (await media.GetStreamUri(request)).Uri
    return uri


def test_wsdiscovery_is_found_and_finds(root: Path) -> None:
    pytest.importorskip("wsdiscovery")
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("a network of its own needs root, unshare and ip")
    command = ["unshare", "--net", sys.executable, "-m", "tests.peers.wsdiscovery"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=50, check=False)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["ours"] == [["Peer", "P1", "onvif://10.77.0.1:8080"]]
    assert any(found["device"] in address for address in found["theirs"])
