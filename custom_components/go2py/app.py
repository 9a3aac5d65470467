"""The gateway as an app of the Supervisor's: found in its store, installed, started, kept up to date.

Loaded only where there is a Supervisor (`hosting.load_app`): what it imports is 25 MB that nobody else needs.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from aiohasupervisor import SupervisorError
from aiohasupervisor.models import AddonsOptions, StoreAddRepository
from homeassistant.components.hassio import AddonError, AddonManager, AddonState
from homeassistant.components.hassio.handler import get_supervisor_client
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import async_get_integration
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, LOGGER, REPOSITORY
from .environment import HostingError

_SUFFIX: Final = "_go2py"
"""Of the slug; what stands before it is made from the repository's address as it was typed."""
_LOCAL: Final = "local"
"""The folder of apps under development."""
_MANAGERS: HassKey[dict[str, AddonManager]] = HassKey(f"{DOMAIN}_apps")
_BUSY: Final = {AddonState.INSTALLING: "app_busy", AddonState.UPDATING: "app_busy"}
_POLL_SECONDS: Final = 2.0
_ANNOUNCE_SECONDS: Final = 200.0


class App:
    """Our app in the store; `slug` is empty until it is known. Methods raise `HostingError` unless they say else."""

    def __init__(self, hass: HomeAssistant, slug: str = "") -> None:
        self._hass = hass
        self.slug = slug

    @property
    def manager(self) -> AddonManager:
        """The only one for an app: it keeps track of what is being done to it."""
        managers = self._hass.data.setdefault(_MANAGERS, {})
        if self.slug not in managers:
            managers[self.slug] = AddonManager(self._hass, LOGGER, "go2py", self.slug)
        return managers[self.slug]

    async def find(self) -> bool:
        """Whether it is in the store; an installed one counts first."""
        with _as_hosting_error():
            store = await get_supervisor_client(self._hass).store.info()
        ours = {_LOCAL, *(one.slug for one in store.repositories if _same(one.source, REPOSITORY))}
        apps = [app for app in store.addons if app.slug.endswith(_SUFFIX) and app.repository in ours]
        if apps:
            self.slug = min(apps, key=lambda app: (not app.installed, app.repository == _LOCAL)).slug
        return bool(apps)

    async def add_repository(self) -> None:
        """Make it known to the store; only with the user's consent."""
        with _as_hosting_error():
            await get_supervisor_client(self._hass).store.add_repository(StoreAddRepository(repository=REPOSITORY))

    async def install(self) -> bool:
        """Install it unless it is there; whether that was needed.

        Supervisor is told to watch over it. No option of its own has to be set: its gateway chooses free ports and
        makes its own password.
        """
        with _as_hosting_error():
            info = await self.manager.async_get_addon_info()
            if info.state is not AddonState.NOT_INSTALLED:
                return False
            await self.manager.async_schedule_install_addon()
            watched = AddonsOptions(watchdog=True)
            await get_supervisor_client(self._hass).addons.set_addon_options(self.slug, watched)
        return True

    async def start(self) -> Mapping[str, Any]:
        """Start it unless it runs, and wait for what it announces."""
        with _as_hosting_error():
            if (await self.manager.async_get_addon_info()).state is not AddonState.RUNNING:
                await self.manager.async_schedule_start_addon()
        try:
            async with asyncio.timeout(_ANNOUNCE_SECONDS):
                while True:
                    try:
                        announced: Mapping[str, Any] = await self.manager.async_get_addon_discovery_info()
                    except AddonError as error:
                        LOGGER.debug("Not announced yet: %s", error)
                    else:
                        return announced
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise HostingError("The app runs but does not announce its gateway; its log says why") from None

    async def update(self) -> None:
        """Bring it up to date, after a backup of it."""
        with _as_hosting_error():
            await self.manager.async_schedule_update_addon()

    async def uninstall(self) -> None:
        """Take it away, after a backup of it. What fails is logged, and it stays."""
        try:
            await self.manager.async_stop_addon()
            await self.manager.async_create_backup()
            await self.manager.async_uninstall_addon()
        except AddonError as error:
            LOGGER.error("The app stays: %s", error)

    async def require_running(self, entry: ConfigEntry[Any]) -> None:
        """Start an entry's app if need be; and tell if it is out of date. Raises `ConfigEntryNotReady`."""
        try:
            info = await self.manager.async_get_addon_info()
        except AddonError as error:
            raise not_ready("app_failed", detail=str(error)) from error
        if info.state is AddonState.NOT_INSTALLED:
            raise not_ready("app_removed")
        if key := _BUSY.get(info.state):
            raise not_ready(key)
        await self._judge(entry, info.version or "", update=info.update_available)
        if info.state is AddonState.NOT_RUNNING:
            self.manager.async_schedule_start_addon(catch_error=True)
            raise not_ready("app_starting")

    async def _judge(self, entry: ConfigEntry[Any], version: str, *, update: bool) -> None:
        """The integration and its app are released together: an older app lacks what the integration offers."""
        ours = (await async_get_integration(self._hass, DOMAIN)).version
        issue_id = f"app_outdated_{entry.entry_id}"
        if not update or ours is None or not version or not ours > version:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id,
            data={"entry": entry.entry_id, "app": self.slug},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="app_outdated",
            translation_placeholders={"version": version, "needed": str(ours)},
        )


def not_ready(key: str, **placeholders: str) -> ConfigEntryNotReady:
    """Home Assistant tries again, and shows why."""
    return ConfigEntryNotReady(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )


@contextmanager
def _as_hosting_error() -> Iterator[None]:
    try:
        yield
    except (AddonError, SupervisorError) as error:
        raise HostingError(str(error)) from error


def _same(one: str, other: str) -> bool:
    """Whether two addresses name one repository."""
    first, second = (text.lower().rstrip("/").removesuffix(".git") for text in (one, other))
    return first == second
