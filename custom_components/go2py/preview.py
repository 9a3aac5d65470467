"""A moving picture in the form that asks whether this is the right camera."""

import secrets
import time
from datetime import timedelta
from typing import Final

from aiohttp import web
from homeassistant.components.camera import async_get_still_stream
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .errors import GatewayError
from .probe import Look

_SECONDS: Final = 300
_INTERVAL: Final = 0.7
_WIDTH: Final = 480
_LOOKS: HassKey[dict[str, Look]] = HassKey(f"{DOMAIN}_previews")


def show(hass: HomeAssistant, look: Look) -> str:
    """A path, signed for who is looking, under which the picture moves until `hide`."""
    looks = hass.data.get(_LOOKS)
    if looks is None:
        looks = hass.data[_LOOKS] = {}
        hass.http.register_view(PreviewView())
    token = next((known for known, one in looks.items() if one is look), None) or secrets.token_urlsafe(12)
    looks[token] = look
    return async_sign_path(hass, PreviewView.url.format(token=token), timedelta(seconds=_SECONDS))


def hide(hass: HomeAssistant, look: Look) -> None:
    """The form is gone."""
    looks = hass.data.get(_LOOKS, {})
    for token in [token for token, one in looks.items() if one is look]:
        del looks[token]


class PreviewView(HomeAssistantView):
    """Pictures of a camera that is about to be added, one after the other, for an `<img>`."""

    url = f"/api/{DOMAIN}/preview/{{token}}"
    name = f"api:{DOMAIN}:preview"

    async def get(self, request: web.Request, token: str) -> web.StreamResponse:
        """MJPEG until the form is closed."""
        looks = request.app[KEY_HASS].data[_LOOKS]
        if token not in looks:
            raise web.HTTPNotFound
        end = time.monotonic() + _SECONDS

        async def picture() -> bytes | None:
            look = looks.get(token)
            if look is None or look.ended or time.monotonic() > end:
                return None
            try:
                return await look.client.frame(look.name, width=_WIDTH)
            except GatewayError:
                return None

        return await async_get_still_stream(request, picture, "image/jpeg", _INTERVAL)
