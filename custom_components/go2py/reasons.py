"""What went wrong with a camera, from the sentence in which the gateway says it."""

import re
from typing import Final

INVALID_AUTH: Final = "camera_auth"
UNREACHABLE: Final = "camera_unreachable"
OTHER: Final = "camera_error"
"""The gateway's own sentence has to do."""

_SIGNS: Final = (
    (INVALID_AUTH, "refused the user and password|wants a user and password"),
    ("camera_port_closed", "refuses connections"),
    ("camera_path", "no stream at this path"),
    ("camera_busy", "no further session|no more connections|453|not enough bandwidth"),
    ("camera_command", "insecure producer"),
    ("camera_codec", "the codec .* is not spoken|cannot be decoded|no matching codec|codecs not matched"),
    ("camera_unsupported", "is not spoken|not supported|unsupported scheme|needs? a scheme"),
    (UNREACHABLE, "no answer|does not answer|cannot be reached|no picture|closed the connection|stopped answering"),
)
_PATTERNS: Final = tuple((key, re.compile(pattern, re.IGNORECASE)) for key, pattern in _SIGNS)

KEYS: Final = (*(key for key, _ in _SIGNS), OTHER)
"""Every result of `reason_key`: each has a text in the translations."""


def reason_key(sentence: str) -> str:
    """Which of our own texts fits what the gateway says."""
    return next((key for key, pattern in _PATTERNS if pattern.search(sentence)), OTHER)
