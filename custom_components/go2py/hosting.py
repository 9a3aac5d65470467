"""How the gateway of a config entry is reached: our own process, the app, or one elsewhere. All end in an address and
credentials."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers.hassio import is_hassio
from homeassistant.helpers.importlib import async_import_module

from . import environment
from .client import GatewayClient
from .const import CONF_APP, CONF_CREATED_APP, CONF_MANAGED, DOMAIN
from .coordinator import cameras_of, forget_cameras
from .environment import CodeMissing, Environment, HostingError, Progress, prepare
from .process import GatewayProcess
from .session import passing_client

if TYPE_CHECKING:
    from .app import App


async def reach(hass: HomeAssistant, entry: ConfigEntry[Any]) -> Mapping[str, Any]:
    """Address and credentials of an entry's gateway, which is started where that is ours to do.

    Raises `ConfigEntryNotReady` and `ConfigEntryError`.
    """
    if entry.data.get(CONF_MANAGED):
        return await _managed(hass, entry)
    if slug := entry.data.get(CONF_APP):
        if not is_hassio(hass):
            raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="app_no_supervisor")
        app = await load_app(hass, slug)
        await app.require_running(entry)
    return entry.data


def page(entry: ConfigEntry[Any]) -> str | None:
    """Where a browser finds the gateway's pages: the app's panel, or the gateway; those of our process are private."""
    if slug := entry.data.get(CONF_APP):
        return f"homeassistant://app/{slug}"
    url: str | None = entry.data.get(CONF_URL)
    return url


async def load_app(hass: HomeAssistant, slug: str = "") -> App:
    """The app, where there is a Supervisor."""
    module = await async_import_module(hass, f"{__package__}.app")
    app: App = module.App(hass, slug)
    return app


async def leave(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Take the entry's cameras out of its gateway; and the gateway away, where the entry brought it."""
    if not entry.data.get(CONF_MANAGED):
        with passing_client(hass, entry.data) as client:
            await forget_cameras(client, entry)
        if entry.data.get(CONF_CREATED_APP) and is_hassio(hass):
            app = await load_app(hass, entry.data[CONF_APP])
            await app.uninstall()
        return
    if any(camera.owned for camera in cameras_of(entry).values()):
        with suppress(HostingError):
            async with _running(hass, await prepare(hass)) as client:
                await forget_cameras(client, entry)
    await environment.remove(hass)


async def rehearse(hass: HomeAssistant, progress: Progress) -> None:
    """Have everything there that a managed gateway needs, and see it answer once. Raises `HostingError`."""
    ready = await prepare(hass, progress)
    progress(0.95)
    async with _running(hass, ready):
        progress(1.0)


async def _managed(hass: HomeAssistant, entry: ConfigEntry[Any]) -> Mapping[str, Any]:
    def moved() -> None:
        hass.config_entries.async_schedule_reload(entry.entry_id)

    try:
        process = GatewayProcess(hass, await prepare(hass), _folder(hass), moved)
        await process.start()
    except CodeMissing as error:
        raise ConfigEntryError(translation_domain=DOMAIN, translation_key="gateway_missing") from error
    except HostingError as error:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="gateway_not_started",
            translation_placeholders={"detail": str(error)},
        ) from error

    async def stopping(_: Event) -> None:
        await process.stop()

    entry.async_on_unload(process.stop)
    entry.async_on_unload(hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, stopping))
    return process.data


@asynccontextmanager
async def _running(hass: HomeAssistant, ready: Environment) -> AsyncIterator[GatewayClient]:
    """A gateway for a moment."""
    process = GatewayProcess(hass, ready, _folder(hass))
    await process.start()
    try:
        with passing_client(hass, process.data) as client:
            yield client
    finally:
        await process.stop()


def _folder(hass: HomeAssistant) -> Path:
    """The user's, with `go2py.yaml`: it outlives the entry."""
    return Path(hass.config.path(DOMAIN))
