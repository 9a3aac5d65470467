"""SOAP 1.2 envelopes, faults, and the UsernameToken that proves a password (WSS UsernameToken Profile 1.0)."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from ..xml import Element, escape

CONTENT_TYPE = "application/soap+xml; charset=utf-8"

_NAMESPACES = (
    'xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
    'xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
)
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_UNAUTHORIZED = ("notauthorized", "failedauthentication", "not authorized", "unauthorized", "authority failure")


def envelope(body: str, header: str = "") -> bytes:
    """A request; `body` uses the prefixes tds, trt (media), tr2 (media2) and tt."""
    head = f"<s:Header>{header}</s:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope {_NAMESPACES}>{head}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def username_token(user: str, password: str, nonce: bytes, moment: float) -> str:
    """The security header; `moment` is seconds since 1970 by the clock of the camera, which compares."""
    created = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(moment % 1 * 1000):03}Z"
    return (
        f'<Security s:mustUnderstand="1" xmlns="{_WSS}wssecurity-secext-1.0.xsd"><UsernameToken>'
        f"<Username>{escape(user)}</Username>"
        f'<Password Type="{_WSS}username-token-profile-1.0#PasswordDigest">'
        f"{password_digest(nonce, created, password)}</Password>"
        f'<Nonce EncodingType="{_WSS}soap-message-security-1.0#Base64Binary">'
        f"{base64.b64encode(nonce).decode()}</Nonce>"
        f'<Created xmlns="{_WSS}wssecurity-utility-1.0.xsd">{created}</Created></UsernameToken></Security>'
    )


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64 of SHA-1 over nonce, time and password: the algorithm is the profile's."""
    sha1 = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(sha1.digest()).decode()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a camera refuses; `code` is the innermost subcode without its prefix, like `ActionNotSupported`."""

    code: str
    reason: str

    @property
    def unauthorized(self) -> bool:
        said = f"{self.code} {self.reason}".lower()
        return any(word in said for word in _UNAUTHORIZED)


def fault_in(root: Element) -> Fault | None:
    """The fault of an answer, of SOAP 1.1 or 1.2, whatever the HTTP status was."""
    fault = root if root.name == "Fault" else root.first("Fault")
    if fault is None:
        return None
    codes = [value.text.strip() for value in fault.all("Value") if value.text.strip()]
    code = codes[-1] if codes else fault.value("faultcode")
    reason = fault.value("Reason", "Text") or fault.value("faultstring") or fault.value("Text")
    return Fault(code.rpartition(":")[2][:64], " ".join(reason.split())[:200])


def body_of(root: Element) -> Element:
    """What an envelope holds; the root itself where a camera leaves the envelope out."""
    return root.first("Body") or root
