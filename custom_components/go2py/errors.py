"""What can go wrong with the gateway, in its own words."""


class GatewayError(Exception):
    """The gateway could not do what it was asked; `str()` is its sentence, `code` a word if a camera is the cause."""

    def __init__(self, sentence: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.code = code


class GatewayUnreachable(GatewayError):
    """No connection, no answer in time, or it broke."""


class GatewayRefused(GatewayError):
    """It understood and says no; the sentence tells why."""


class GatewayUnauthorized(GatewayError):
    """User and password of the gateway are wrong or missing."""


class GatewayLocked(GatewayError):
    """Too many wrong passwords came from this machine."""


class NotGo2py(GatewayError):
    """Something else answers at this address."""


def refusal(status: int, text: str, code: str = "") -> GatewayError:
    """What an answer with this status means; `code` is its word where a camera is the cause."""
    match status:
        case 401:
            return GatewayUnauthorized("the gateway wants another user or password")
        case 429:
            return GatewayLocked(sentence(text))
        case 502 | 503 | 504 if not code:
            return GatewayUnreachable(f"a proxy before the gateway answers with {status}")
        case _:
            return GatewayRefused(sentence(text) or f"the gateway answers with {status}", code)


def sentence(text: str) -> str:
    """The gateway's words without the room that they come from: `streams: `, `webrtc: `."""
    text = text.strip()
    head, colon, rest = text.partition(": ")
    return sentence(rest) if colon and head in {"streams", "webrtc", "snapshot"} else text
