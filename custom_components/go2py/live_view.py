"""The live picture where no direct way to the gateway can be found: through Home Assistant, over its own door."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from aiohttp import WSMsgType, web
from homeassistant.components.http import (
    KEY_HASS,
    KEY_HASS_REFRESH_TOKEN_ID,
    KEY_HASS_USER,
    HomeAssistantView,
)
from homeassistant.core import HomeAssistant

from .camera import Go2pyCamera
from .const import DOMAIN, LOGGER
from .errors import GatewayError, GatewayUnreachable
from .seen import camera_for

_WISH_SECONDS: Final = 10.0
_STALL_SECONDS: Final = 20.0
"""A browser that takes nothing for so long is gone."""
_MAX_WISH: Final = 1024
"""Bytes of what a browser says: a list of codecs."""


class LiveView(HomeAssistantView):
    """A WebSocket with the gateway's messages for MSE (docs/websocket.md), and none of its others.

    The browser's address is signed by Home Assistant and good for some seconds. Nothing is stored on the way: while the
    browser takes nothing, the gateway is not read, which makes it skip to a newer picture.
    """

    url = f"/api/{DOMAIN}/live/{{entity_id}}"
    name = f"api:{DOMAIN}:live"

    async def get(self, request: web.Request, entity_id: str) -> web.StreamResponse:
        """Fragments of MP4 until one side leaves, the user is signed out or the gateway is unloaded."""
        hass = request.app[KEY_HASS]
        camera = camera_for(hass, request[KEY_HASS_USER], entity_id)
        if camera is None:
            return self.json_message("This is no camera of go2py", HTTPStatus.NOT_FOUND)
        socket = web.WebSocketResponse(max_msg_size=_MAX_WISH, compress=False)
        await socket.prepare(request)
        codecs = await _wish(socket)
        if codecs is not None:
            await _serve(hass, socket, camera, codecs, request[KEY_HASS_REFRESH_TOKEN_ID])
        await socket.close()
        return socket


async def _wish(socket: web.WebSocketResponse) -> str | None:
    """The codecs that the browser plays; None if it says anything else."""
    try:
        message = json.loads(await socket.receive_str(timeout=_WISH_SECONDS))
    except TimeoutError, TypeError, ValueError:
        return None
    match message:
        case {"type": "mse", "value": str(codecs)}:
            return codecs
    return None


async def _serve(
    hass: HomeAssistant, socket: web.WebSocketResponse, camera: Go2pyCamera, codecs: str, token_id: str
) -> None:
    """Pipe until it ends; the entry cancels the task when it is unloaded, the user's sign-out does it here."""
    entry = camera.coordinator.config_entry
    pipe = entry.async_create_background_task(hass, _pipe(socket, camera, codecs), f"go2py live {camera.entity_id}")
    cancel: Callable[[], Any] = pipe.cancel
    stop_watching = hass.auth.async_register_revoke_token_callback(token_id, cancel)
    try:
        async for _ in socket:  # pings are answered on the way; a browser has nothing more to say
            pass
    finally:
        stop_watching()
        pipe.cancel()
        with suppress(asyncio.CancelledError):
            await pipe


async def _pipe(socket: web.WebSocketResponse, camera: Go2pyCamera, codecs: str) -> None:
    try:
        async with camera.coordinator.client.live(camera.stream_name, codecs) as messages:
            async for message in messages:
                async with asyncio.timeout(_STALL_SECONDS):
                    if message.type is WSMsgType.BINARY:
                        await socket.send_bytes(message.data)
                    elif message.type is WSMsgType.TEXT:
                        await socket.send_str(message.data)
    except GatewayUnreachable as error:  # its address is not for browsers
        LOGGER.debug("live picture of %s: %s", camera.entity_id, error)
    except GatewayError as error:
        await socket.send_json({"type": "error", "value": f"mse: {error}"})
    except (ConnectionError, TimeoutError) as error:
        LOGGER.debug("live picture of %s: the browser left: %r", camera.entity_id, error)
    finally:
        await socket.close()
