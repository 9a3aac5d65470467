"""Values that never show themselves, and the masking of texts that contain them."""

import re
from typing import Any, final
from urllib.parse import quote

MASK = "***"

MIN_SECRET = 4
"""Shorter values are not searched for in texts: masking every `1` would destroy them."""

USERINFO = re.compile(
    r"://(?P<userinfo>"
    r"[^/\s?#]*"  # up to the last @ of the authority
    # A password with raw `/`, `?` or `#`: text after a colon that is no port ends at a later @.
    r"|(?!\[)[^/\s:@]*:(?!\d{1,5}(?:[/?#\s\"']|$))\S{0,200}?"
    r")@(?![^/\s?#]{0,200}@)"
)
SENSITIVE = (
    r"(?:[\w.-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|credentials?)"
    r"|(?:[\w.-]{0,40}[_.-])?(?:pass|pwd|key|pin|private|auth|authsig|signature|sig))"
)
"""Names of keys and URL parameters whose value is nobody's business."""
PARAMETER = re.compile(rf"[?&#;](?P<key>{SENSITIVE})=(?P<value>[^&#\s\"'\\]+)", re.IGNORECASE)

_known: set[str] = set()
_search: re.Pattern[str] | None = None


@final
class Secret:
    """A text that prints as `***`; `open()` is for the step that really needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def open(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK if self._value else "''"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


_OUR_WORDS = re.compile(
    r"audio|video|main|streams?|sources?|state|live|idle|waiting|connecting|reason|demo|rtsp|webrtc|https?|recvonly|"
    r"sendonly|producers|consumers|medias|senders|receivers|codec|name|channels|bytes|packets|true|false|admin|user|"
    r"password|username|error|info|warning|debug|config|listen|camera|go2py|go2rtc|image|snapshot",
    re.IGNORECASE,
)


def remember(value: str) -> None:
    """Have `mask` replace this value wherever it occurs, percent-encoded too.

    Too short ones and words of our own answers are left to the rules for URLs: a password `video` would break them.
    """
    global _search  # noqa: PLW0603  what is known is known to the whole process
    if len(value) >= MIN_SECRET and value not in _known and not _OUR_WORDS.fullmatch(value):
        _known.update({value, quote(value, safe="")})
        _search = re.compile("|".join(map(re.escape, sorted(_known, key=len, reverse=True))))


def mask(text: str) -> str:
    """The text with user infos and secret parameters of URLs and all remembered secrets replaced by `***`."""
    text = _mask_url(text)
    return _search.sub(MASK, text) if _search else text


def _mask_url(text: str) -> str:
    if "://" in text:
        text = USERINFO.sub(f"://{MASK}@", text)
    if "=" in text:
        text = PARAMETER.sub(lambda match: f"{match[0][: match.start('value') - match.start()]}{MASK}", text)
    return text


def masked(value: Any) -> Any:
    """A JSON value with all its texts masked; do this before encoding, a mask behind it breaks JSON. Of keys, which may
    be streams named after their URL, only what is secret in a URL."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {_mask_url(key) if isinstance(key, str) else key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
