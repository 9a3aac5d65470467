"""Steps of the flow that bring a gateway: one that Home Assistant runs, or the Supervisor's app.

The app's last step, `app_ready`, is the flow's own, which knows how to try a gateway.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.helpers.hassio import is_hassio

from .const import CONF_APP, CONF_CREATED_APP, CONF_MANAGED, REPOSITORY
from .environment import CodeMissing, HostingError
from .hosting import load_app, rehearse

if TYPE_CHECKING:
    from .app import App

_MANAGED_ID: Final = "managed"
"""There is no use for a second one."""


class HostedSteps(ConfigFlow):
    """Long work is shown as progress; what goes wrong in it ends the flow with its reason."""

    def __init__(self) -> None:
        super().__init__()
        self._data: dict[str, Any] = {}
        """What is known of the gateway so far."""
        self._name = ""
        self._task: asyncio.Task[Any] | None = None
        self._failure = ("", "")
        """Reason and detail of what went wrong."""
        self._app: App
        self._announced: Mapping[str, Any] = {}
        """What the app says of its gateway."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Where the gateway is to run."""
        here = "app" if is_hassio(self.hass) else "managed"
        return self.async_show_menu(step_id="user", menu_options=[here, "remote"])

    # --- run by Home Assistant ----------------------------------------------------------------------------------------

    async def async_step_managed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Fetch what the gateway needs, and see it start."""
        await self.async_set_unique_id(_MANAGED_ID, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        return await self._work("managed", lambda: rehearse(self.hass, self.async_update_progress), "managed_ready")

    async def async_step_managed_ready(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Address and password are new with every start."""
        return self.async_create_entry(title="go2py", data={CONF_MANAGED: True})

    # --- the app ------------------------------------------------------------------------------------------------------

    async def async_step_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Look for the app in the store."""
        self._app = await load_app(self.hass)
        try:
            known = await self._app.find()
        except HostingError as error:
            return self.async_abort(reason="app_failed", description_placeholders={"detail": str(error)})
        return await (self.async_step_install_app() if known else self.async_step_repository())

    async def async_step_repository(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """A repository of somebody else's comes into the store only where the user wants it."""
        placeholders = {"repository": REPOSITORY, "detail": ""}
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                await self._app.add_repository()
                if await self._app.find():
                    return await self.async_step_install_app()
                errors["base"] = "repository_empty"
            except HostingError as error:
                errors["base"] = "repository_refused"
                placeholders["detail"] = str(error)
        return self.async_show_form(
            step_id="repository", data_schema=vol.Schema({}), errors=errors, description_placeholders=placeholders
        )

    async def async_step_install_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Minutes, where the image has to be built."""
        return await self._work("install_app", self._install, "start_app")

    async def async_step_start_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Until its gateway tells where it is."""
        return await self._work("start_app", self._start, "app_ready")

    async def _install(self) -> None:
        self._data[CONF_APP] = self._app.slug
        if await self._app.install():
            self._data[CONF_CREATED_APP] = True

    async def _start(self) -> None:
        self._announced = await self._app.start()

    # --- progress -----------------------------------------------------------------------------------------------------

    async def _work(self, step: str, work: Callable[[], Coroutine[Any, Any, None]], then: str) -> ConfigFlowResult:
        """Show that a step's work goes on, then go to the step behind it."""
        if self._task is None:
            self._task = self.hass.async_create_task(work(), f"go2py {step}", eager_start=False)
        if not self._task.done():
            return self.async_show_progress(step_id=step, progress_action=step, progress_task=self._task)
        task, self._task = self._task, None
        try:
            await task
        except CodeMissing:
            self._failure = "gateway_missing", ""
        except HostingError as error:
            self._failure = f"{step}_failed", str(error)
        else:
            return self.async_show_progress_done(next_step_id=then)
        return self.async_show_progress_done(next_step_id="work_failed")

    async def async_step_work_failed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what went wrong."""
        reason, detail = self._failure
        return self.async_abort(reason=reason, description_placeholders={"detail": detail})
