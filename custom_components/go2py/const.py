"""Names shared by the integration's modules."""

import logging
from typing import Final

DOMAIN: Final = "go2py"
LOGGER: Final = logging.getLogger(__package__)

CAMERA: Final = "camera"
"""The type of a camera's subentry."""

CONF_SOURCES: Final = "sources"
"""The camera's sources, which the gateway is told; empty where the stream is the gateway's own."""
CONF_SUB_SOURCES: Final = "sub_sources"
"""Sources of the small picture; empty where the camera has none."""
CONF_MAKER: Final = "maker"
CONF_MODEL: Final = "model"
CONF_DEVICE: Final = "device"
"""What the gateway's search calls the camera wherever it is; missing while that is not known."""
CONF_ADDRESS: Final = "address"
"""Where the camera was when its sources were written; goes with `CONF_DEVICE`."""
CONF_ROTATE: Final = "rotate"
"""Degrees clockwise by which the picture has to be turned."""
CONF_KEEP: Final = "keep_connected"
"""Whether the camera stays connected although nobody looks."""
CONF_STREAM: Final = "stream"
"""The stream's name in the gateway."""

CONF_MANAGED: Final = "managed"
"""Home Assistant runs the gateway; nothing else stands in the entry then."""
CONF_APP: Final = "app"
"""The slug of the app that the gateway is."""
CONF_CREATED_APP: Final = "created_app"
"""The app was installed for this entry, and goes with it."""

REPOSITORY: Final = "https://github.com/go2py/go2py"
"""Where the app comes from."""
DEFAULT_PORT: Final = 1984
MIN_VERSION: Final = (0, 1)
"""The oldest gateway whose events are understood."""
EVENT_SCHEMA: Final = 1
"""The newest shape of events that is understood (docs/events.md)."""
HELP_URL: Final = "https://github.com/go2py/go2py/blob/main/docs/home-assistant.md#when-something-is-wrong"
