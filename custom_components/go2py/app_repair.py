"""The way out of an app that is older than the integration."""

import asyncio

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN
from .environment import HostingError
from .hosting import load_app


class AppUpdateFlow(RepairsFlow):
    """Updates the app when told to, and connects anew."""

    def __init__(self, entry_id: str, slug: str) -> None:
        super().__init__()
        self._entry_id, self._slug = entry_id, slug
        self._task: asyncio.Task[None] | None = None
        self._failure = ""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin; what comes here is the issue's data."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask."""
        if user_input is not None:
            return await self.async_step_update()
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        placeholders = issue.translation_placeholders if issue else None
        return self.async_show_form(
            step_id="confirm", data_schema=vol.Schema({}), description_placeholders=placeholders
        )

    async def async_step_update(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Backup, download, restart: minutes."""
        if self._task is None:
            self._task = self.hass.async_create_task(self._update(), eager_start=False)
        if not self._task.done():
            return self.async_show_progress(step_id="update", progress_action="update_app", progress_task=self._task)
        try:
            await self._task
        except HostingError as error:
            self._failure = str(error)
            return self.async_show_progress_done(next_step_id="failed")
        return self.async_show_progress_done(next_step_id="done")

    async def _update(self) -> None:
        app = await load_app(self.hass, self._slug)
        await app.update()

    async def async_step_failed(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """The issue stays."""
        return self.async_abort(reason="update_failed", description_placeholders={"detail": self._failure})

    async def async_step_done(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Connect to what the app is now."""
        self.hass.config_entries.async_schedule_reload(self._entry_id)
        return self.async_create_entry(data={})
