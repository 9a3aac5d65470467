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
CONF_STREAM: Final = "stream"
"""The stream's name in the gateway."""

DEFAULT_PORT: Final = 1984
MIN_VERSION: Final = (0, 1)
"""The oldest gateway whose events are understood."""
