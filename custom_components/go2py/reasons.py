"""What went wrong with a camera: the gateway's codes (docs/events.md, docs/discovery.md) in our words."""

from typing import Final

INVALID_AUTH: Final = "camera_auth"
UNREACHABLE: Final = "camera_unreachable"
OTHER: Final = "camera_error"
"""The gateway's own sentence has to do."""

_KEYS: Final = {
    "failed": OTHER,
    "unreachable": UNREACHABLE,
    "unauthorized": INVALID_AUTH,
    "busy": "camera_busy",
    "unsupported": "camera_unsupported",
    "paused": "camera_paused",
    "closed": "camera_port_closed",
    "credentials_needed": "camera_auth_needed",
    "no_stream": "camera_no_stream",
}

CODES: Final = frozenset(_KEYS)
"""Those that are about a camera, not about a request."""
KEYS: Final = frozenset(_KEYS.values())
"""Every result of `reason_key`: each has a text in the translations."""


def reason_key(code: str) -> str:
    """Which of our texts fits."""
    return _KEYS.get(code, OTHER)
