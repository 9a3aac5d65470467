"""The operations that are asked for: bodies of SOAP requests, with the prefixes that `soap.envelope` declares."""

from collections.abc import Sequence
from typing import Final

from ..xml import escape

CLOCK: Final = "<tds:GetSystemDateAndTime/>"
DEVICE_INFORMATION: Final = "<tds:GetDeviceInformation/>"
SERVICES: Final = "<tds:GetServices><tds:IncludeCapability>false</tds:IncludeCapability></tds:GetServices>"
CAPABILITIES: Final = "<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>"

type ByService = Sequence[tuple[str, str]]
"""The same question to each media service: its name and the body."""

PROFILES: Final[ByService] = (
    ("media", "<trt:GetProfiles/>"),
    ("media2", "<tr2:GetProfiles><tr2:Type>All</tr2:Type></tr2:GetProfiles>"),
)

_STREAM_SETUP: Final = (
    "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
    "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
)


def stream_uri(token: str) -> ByService:
    profile = escape(token)
    media = f"<trt:GetStreamUri>{_STREAM_SETUP}<trt:ProfileToken>{profile}</trt:ProfileToken></trt:GetStreamUri>"
    asked = f"<tr2:Protocol>RTSP</tr2:Protocol><tr2:ProfileToken>{profile}</tr2:ProfileToken>"
    return ("media", media), ("media2", f"<tr2:GetStreamUri>{asked}</tr2:GetStreamUri>")


def snapshot_uri(token: str) -> ByService:
    profile = escape(token)
    return tuple(
        (service, f"<{ns}:GetSnapshotUri><{ns}:ProfileToken>{profile}</{ns}:ProfileToken></{ns}:GetSnapshotUri>")
        for service, ns in (("media", "trt"), ("media2", "tr2"))
    )


def name_of(body: str) -> str:
    """The operation's name."""
    return body[1:].partition(">")[0].rstrip("/").partition(":")[2]
