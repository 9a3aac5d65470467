"""The dashboard card: its files, and the line that makes Home Assistant load them."""

import hashlib
from pathlib import Path
from typing import Final

from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL, add_extra_js_url
from homeassistant.components.http import StaticPathConfig
from homeassistant.components.lovelace.const import LOVELACE_DATA
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN

_FOLDER: Final = Path(__file__).parent / "www"
_PATH: Final = f"/{DOMAIN}/card-"
"""Before the version, which is part of the path: the card's files are exchanged together, none comes from a cache."""


_URL: HassKey[str] = HassKey(f"{DOMAIN}_card")


async def serve(hass: HomeAssistant) -> None:
    """Serve the card's files, as long as Home Assistant runs."""
    path = _PATH + await hass.async_add_executor_job(_fingerprint)
    await hass.http.async_register_static_paths([StaticPathConfig(path, str(_FOLDER), cache_headers=True)])
    hass.data[_URL] = f"{path}/card.js"


async def offer(hass: HomeAssistant) -> None:
    """Have dashboards load the card; again for every gateway, since `withdraw` takes it back after the last.

    A resource of the dashboards, where Home Assistant keeps these: it reaches cast devices, too. Else, as in YAML,
    a script of every page.
    """
    url = hass.data[_URL]
    if (resources := _resources(hass)) is None:
        if DATA_EXTRA_MODULE_URL in hass.data:
            add_extra_js_url(hass, url)
        return
    await resources.async_get_info()  # which loads them
    ours = [item for item in resources.async_items() if item["url"].startswith(_PATH)]
    for item in ours[1:]:
        await resources.async_delete_item(item["id"])
    wanted = {"res_type": "module", "url": url}
    if not ours:
        await resources.async_create_item(wanted)
    elif ours[0]["url"] != url:
        await resources.async_update_item(ours[0]["id"], wanted)


async def withdraw(hass: HomeAssistant) -> None:
    """Take the card out of the dashboards' resources: nobody could serve it any more."""
    if (resources := _resources(hass)) is not None:
        await resources.async_get_info()
        for item in [item for item in resources.async_items() if item["url"].startswith(_PATH)]:
            await resources.async_delete_item(item["id"])


def _resources(hass: HomeAssistant) -> ResourceStorageCollection | None:
    resources = getattr(hass.data.get(LOVELACE_DATA), "resources", None)
    return resources if isinstance(resources, ResourceStorageCollection) else None


def _fingerprint() -> str:
    """Differs for every change of any file."""
    digest = hashlib.sha256()
    for file in sorted(_FOLDER.rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(_FOLDER).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]
