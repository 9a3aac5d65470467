"""Every error that go2py raises on purpose.

    Go2pyError
    ├── ConfigError            the configuration says something we cannot follow
    ├── ProtocolError          bytes from outside that make no sense
    ├── SourceError            a camera that cannot be used
    │   ├── Unreachable        no answer, refused, timed out: worth another try
    │   ├── Unauthorized       wrong or missing user and password
    │   ├── Busy               the camera allows no more sessions
    │   ├── Unsupported        a scheme, codec or feature that go2py does not speak (yet)
    │   └── Paused             the stream was paused by its owner, for privacy
    ├── NegotiationError       the sources were reached, but nothing fits the reader
    └── StreamNotFound         no stream of that name

Any other exception that leaves a public function is a bug.
"""


class Go2pyError(Exception):
    """Base of the tree; `str()` is a sentence fit for a user and holds no secret, `code` one word for programs."""

    code = "failed"


class ConfigError(Go2pyError):
    """A mistake in the configuration.

    `file` and `line` (1-based) say where, `key` is the dotted path, the message says what would be right.
    """

    code = "config"

    def __init__(self, message: str, *, file: str = "", line: int = 0, key: str = "") -> None:
        self.file, self.line, self.key = file, line, key
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{f'{key}: ' if key else ''}{message}")


class ProtocolError(Go2pyError):
    """A peer sent bytes that break its protocol."""

    code = "protocol"


class SourceError(Go2pyError):
    """A camera cannot be used; the message says why in words of the user."""


class Unreachable(SourceError):
    """No connection, no answer, or the connection broke."""

    code = "unreachable"


class Unauthorized(SourceError):
    """The camera refused the user and password."""

    code = "unauthorized"


class Busy(SourceError):
    """The camera allows no further session."""

    code = "busy"


class Unsupported(SourceError):
    """go2py does not speak this scheme, codec or feature."""

    code = "unsupported"


class Paused(SourceError):
    """The owner paused the stream: its cameras are let go until it is resumed."""

    code = "paused"

    def __init__(self) -> None:
        super().__init__("the stream is paused")


class NegotiationError(Go2pyError):
    """Nothing that the sources offer fits what the reader can take."""

    code = "codecs"


class StreamNotFound(Go2pyError):
    """No stream has this name."""

    code = "not_found"

    def __init__(self, name: str = "") -> None:
        self.name = name
        super().__init__("stream not found")
