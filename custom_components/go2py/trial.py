"""A camera on its way into a gateway: tried, shown, and either kept or forgotten without a trace."""

from collections.abc import Mapping
from typing import Any

import voluptuous as vol
from homeassistant.const import CONF_NAME, CONF_PASSWORD, CONF_USERNAME
from homeassistant.core import HomeAssistant

from . import preview
from .cameras import NewCamera, free_stream
from .coordinator import Go2pyConfigEntry
from .errors import GatewayError
from .forms import PASSWORD, TEXT, USER
from .probe import NO_ERROR, Found, Look, ProbeError
from .sources import host_of, without_credentials

SUB_SOURCE = "sub_source"
LOGIN = {vol.Optional(CONF_USERNAME): USER, vol.Optional(CONF_PASSWORD): PASSWORD}
NAME_SCHEMA = vol.Schema({vol.Required(CONF_NAME): TEXT})


class Trial:
    """What a form about one new camera has found so far. `end` it when the form is gone, whatever became of it."""

    def __init__(self, hass: HomeAssistant, entry: Go2pyConfigEntry) -> None:
        self._hass, self._entry = hass, entry
        self.look = Look(entry.runtime_data.client)
        self.found: Found | None = None
        self.name = ""
        """What it would be called."""
        self.error: tuple[str, Mapping[str, str]] = "", NO_ERROR
        """Key and placeholders of what went wrong last."""
        self._closed = False

    async def find(self, text: str, given: Mapping[str, Any]) -> bool:
        """Look at the camera behind an address or source, with the form's user, password and link of the small picture;
        else `error` says why."""
        login = str(given.get(CONF_USERNAME) or "").strip(), str(given.get(CONF_PASSWORD) or "")
        client = self._entry.runtime_data.client
        if self.look.client is not client:  # the gateway was connected anew
            self.look = Look(client)
        try:
            self.found = await self.look.find(text, *login)
            if small := str(given.get(SUB_SOURCE) or "").strip():
                self.found = await self.look.beside(self.found, small, *login)
        except ProbeError as error:
            self.error = error.key, error.placeholders
            return False
        found = self.found
        self.name = " ".join(dict.fromkeys(filter(None, (found.maker, found.model)))) or _usual_name(found.sources[0])
        return True

    def shown(self) -> dict[str, str]:
        """Placeholders of the form that asks whether this is the right camera: words that all languages share."""
        assert self.found is not None
        media = self.found.media
        video = " ".join(filter(None, (media.video, media.resolution)))
        return {
            "preview": preview.show(self._hass, self.look),
            "source": without_credentials(self.found.sources[0]),
            "video": video or "–",
            "sub": self.found.sub or "–",
            "audio": media.audio or "–",
            "talk": media.talk or ("✓" if self.found.talk else "–"),
        }

    async def keep(self, name: str, device: str = "", address: str = "") -> NewCamera | None:
        """Have the gateway keep the camera; None if it does not, `error` says why."""
        assert self.found is not None
        found, title = self.found, name.strip() or self.name
        stream = free_stream(self._entry, title)
        client = self._entry.runtime_data.client
        try:
            await client.put_stream(stream, found.sources)
            if self._closed:  # the form was closed while the gateway wrote
                await client.delete_stream(stream)
                return None
        except GatewayError as error:
            self.error = "gateway_refused", {**NO_ERROR, "detail": str(error)}
            return None
        await self.look.close()
        device, address = (device, address) if device else (found.device, found.address)
        return NewCamera(
            title, found.sources, found.sub_sources, found.maker, found.model, device, address, stream=stream
        )

    def end(self) -> None:
        """The form is gone."""
        self._closed = True
        preview.hide(self._hass, self.look)
        self._hass.async_create_task(self.look.end(), "go2py look", eager_start=True)


def without_password(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a form may show again."""
    return {key: value for key, value in (data or {}).items() if key != CONF_PASSWORD}


def _usual_name(source: str) -> str:
    scheme = source.partition(":")[0]
    return host_of(source) if "://" in source else scheme.capitalize()
