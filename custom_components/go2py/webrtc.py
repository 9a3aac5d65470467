"""One viewer's WebRTC session: Home Assistant's messages on one side, the gateway's WebSocket on the other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homeassistant.components.camera import WebRTCAnswer, WebRTCCandidate, WebRTCError, WebRTCSendMessage
from homeassistant.components.camera.webrtc import WebRTCMessage
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from webrtc_models import RTCIceCandidateInit

from .client import GatewayClient
from .const import DOMAIN, LOGGER
from .conversation import Signalling
from .coordinator import Camera
from .errors import GatewayError, GatewayUnauthorized, GatewayUnreachable

_ANSWER_SECONDS = 9.0
"""Who watches a black rectangle for longer has a right to know why."""
_QUIET_SECONDS = 1.5
"""No further candidate within this: they are all there. Alexa waits to be told."""
_MAX_EARLY = 128


@dataclass(frozen=True)
class WebRTCTalk(WebRTCMessage):
    """How it stands with what the viewer says, beside Home Assistant's own messages, which pass over what they do not
    know. It is told only to who sends sound."""

    value: Mapping[str, Any]


class WebRtcSession:
    """From the offer to the end of the viewer, the stream or the connection."""

    def __init__(
        self, hass: HomeAssistant, client: GatewayClient, stream: str, send: WebRTCSendMessage, camera: Camera
    ) -> None:
        self._hass = hass
        self._client = client
        self._stream = stream
        self._camera = camera
        self._send = send
        self._signalling: Signalling | None = None
        self._early: list[str] = []
        """Candidates that came before the gateway was connected."""
        self._end: asyncio.TimerHandle | None = None

    async def run(self, offer: str, ice_servers: Sequence[Mapping[str, Any]]) -> None:
        """Have the offer answered and pass candidates on until one side leaves; failures are sent as a sentence."""
        try:
            async with (
                asyncio.timeout(_ANSWER_SECONDS) as deadline,
                self._client.signalling(self._stream, self._camera.rotate) as signalling,
            ):
                await signalling.offer(offer, ice_servers)
                self._signalling = signalling
                for line in self._early:
                    await signalling.candidate(line)
                await self._follow(signalling, deadline)
        except TimeoutError:
            self._fail("webrtc_timeout")
        except GatewayUnauthorized:
            self._fail("invalid_auth")
        except GatewayUnreachable as error:
            self._fail("gateway_unreachable", host=str(self._client.url.host), detail=str(error))
        except (GatewayError, ValueError) as error:
            if isinstance(error, GatewayError) and error.code == "paused":
                self._fail("camera_off", name=self._camera.title)
            else:
                self._fail("webrtc_refused", detail=str(error))
        finally:
            self._signalling = None
            if self._end is not None:
                self._end.cancel()

    async def candidate(self, line: str) -> None:
        """A candidate of the viewer; empty at their end."""
        if self._signalling is not None:
            await self._signalling.candidate(line)
        elif len(self._early) < _MAX_EARLY:
            self._early.append(line)

    async def _follow(self, signalling: Signalling, deadline: asyncio.Timeout) -> None:
        answered = False
        async for kind, value in signalling:
            if kind == "talk":
                self._send(WebRTCTalk(value))
                continue
            if kind == "answer":
                answered = True
                deadline.reschedule(None)
                self._send(WebRTCAnswer(value))
            else:
                self._send(WebRTCCandidate(RTCIceCandidateInit(value)))
            if answered:
                self._end_after_quiet(wait=bool(value))
        if not answered:
            raise GatewayUnreachable("the gateway ended the connection")

    def _end_after_quiet(self, *, wait: bool) -> None:
        """Announce the end of the candidates, unless the gateway just did."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if wait:
            end = WebRTCCandidate(RTCIceCandidateInit(""))
            self._end = self._hass.loop.call_later(_QUIET_SECONDS, self._send, end)

    def _fail(self, key: str, **placeholders: str) -> None:
        """Tell the viewer why there is no picture."""
        error = HomeAssistantError(
            translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
        )
        LOGGER.debug("WebRTC of %s: %s", self._stream, error)
        self._send(WebRTCError(f"go2py_{key}", str(error)))
