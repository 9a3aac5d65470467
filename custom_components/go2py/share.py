"""Links to a camera that need no login: signed by Home Assistant, for one camera only, and ended by themselves.

They end with a restart of Home Assistant, too, which signs with another secret then.
"""

import asyncio
import time
from datetime import timedelta
from typing import Final

from aiohttp import web
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.camera import async_get_image, async_get_mjpeg_stream
from homeassistant.components.http import KEY_HASS, KEY_HASS_USER, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.util import dt as dt_util

from .const import DOMAIN

STILL: Final = "still"
LIVE: Final = "live"
MAX_DURATION: Final = timedelta(days=7)
_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def link(hass: HomeAssistant, entity_id: str, kind: str, duration: timedelta) -> ServiceResponse:
    """A signed link to a camera's newest picture (`still`) or to its moving one (`live`, MJPEG).

    `url` is None where Home Assistant does not know under which address it is reached.
    """
    entry = er.async_get(hass).async_get(entity_id)
    assert entry is not None  # all our entities have a unique id
    until = dt_util.utcnow() + duration
    path = ShareView.url.format(camera=entry.id, kind=kind, until=int(until.timestamp()))
    signed = async_sign_path(hass, path, duration, use_content_user=True)
    try:
        url = get_url(hass, prefer_external=True) + signed
    except NoURLAvailableError:
        url = None
    return {"url": url, "path": signed, "expires": until.isoformat()}


class ShareView(HomeAssistantView):
    """What a link leads to. Who comes without one needs the right to see the camera."""

    url = f"/api/{DOMAIN}/share/{{camera}}/{{kind}}/{{until}}"
    name = f"api:{DOMAIN}:share"

    async def get(self, request: web.Request, camera: str, kind: str, until: str) -> web.StreamResponse:
        """A picture; a moving one ends when the link does."""
        hass = request.app[KEY_HASS]
        entry = er.async_get(hass).entities.get_entry(camera)
        if entry is None or entry.platform != DOMAIN or kind not in {STILL, LIVE} or not until.isdecimal():
            raise web.HTTPNotFound
        if not request[KEY_HASS_USER].permissions.check_entity(entry.entity_id, POLICY_READ):
            raise web.HTTPForbidden
        try:
            if kind == STILL:
                return await _still(hass, request, entry.entity_id)
            return await _live(hass, request, entry.entity_id, int(until) - time.time())
        except HomeAssistantError as error:  # it is off, or there is no picture
            raise web.HTTPServiceUnavailable from error


async def _still(hass: HomeAssistant, request: web.Request, entity_id: str) -> web.Response:
    image = await async_get_image(hass, entity_id)
    return web.Response(body=image.content, content_type=image.content_type, headers=_HEADERS)


async def _live(hass: HomeAssistant, request: web.Request, entity_id: str, seconds: float) -> web.StreamResponse:
    if request.transport is None:
        raise web.HTTPGone
    end = asyncio.get_running_loop().call_later(seconds, request.transport.close)
    try:
        response = await async_get_mjpeg_stream(hass, request, entity_id)
    finally:
        end.cancel()
    if response is None:
        raise web.HTTPBadGateway
    return response
