"""Adding many cameras at once: from a go2rtc.yaml, or from Home Assistant's other integrations."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import voluptuous as vol
from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigSubentryFlow, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

from . import takeover
from .cameras import NewCamera, add_camera, bare_sources, free_stream, names_in_use
from .coordinator import Go2pyConfigEntry
from .forms import LINES
from .sources import without_credentials
from .streams_file import MAX_BYTES, REASONS, TAKEN, FileStream, InvalidFile, StreamsFile, read_streams

_FILE: Final = "file"
_TEXT: Final = "text"
_CHOSEN: Final = "cameras"
_FILE_SCHEMA: Final = vol.Schema(
    {vol.Optional(_FILE): FileSelector(FileSelectorConfig(accept=".yaml,.yml")), vol.Optional(_TEXT): LINES}
)
_MAX_NAMED = 20


class ManySteps(ConfigSubentryFlow):
    """The steps of the form that end with any number of cameras, so not with the form's own one."""

    _streams: dict[str, FileStream]
    _skipped: dict[str, str]
    _offer: takeover.Offer

    @property
    def _entry(self) -> Go2pyConfigEntry:
        return self._get_entry()

    # --- a file -------------------------------------------------------------------------------------------------------

    async def async_step_import_file(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """A go2rtc.yaml, as a file or pasted. What was pasted is not shown again: it may hold passwords."""
        errors: dict[str, str] = {}
        line = 0
        if user_input is not None:
            try:
                self._sort(await self.hass.async_add_executor_job(_read, self.hass, user_input))
            except InvalidFile as error:
                line = error.line
                errors["base"] = "file_line" if line else "file_invalid"
            else:
                return await self.async_step_import_choose()
        return self.async_show_form(
            step_id="import_file",
            data_schema=_FILE_SCHEMA,
            errors=errors,
            description_placeholders={"line": str(line), "file": "go2rtc.yaml"},
        )

    def _sort(self, content: StreamsFile) -> None:
        """Leave out what the gateway has already."""
        names, sources = names_in_use(self._entry), bare_sources(self._entry)
        self._skipped = dict(content.skipped)
        self._streams = {}
        for stream in content.streams:
            if stream.name in names or sources.issuperset(map(without_credentials, stream.sources)):
                self._skipped[stream.name] = TAKEN
            else:
                self._streams[stream.name] = stream

    async def async_step_import_choose(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Which of its streams; what cannot be had is named with the reason."""
        if user_input is not None:
            return self._added(
                NewCamera(_title(name), stream.sources, stream.sub_sources, stream=name)
                for name in user_input[_CHOSEN]
                if (stream := self._streams.get(name)) is not None and name not in names_in_use(self._entry)
            )
        skipped = {reason: _listed(name for name, why in self._skipped.items() if why == reason) for reason in REASONS}
        if not self._streams:
            return self.async_abort(reason="nothing_to_import", description_placeholders=skipped)
        options = [SelectOptionDict(value=name, label=_label(stream)) for name, stream in self._streams.items()]
        return self.async_show_form(
            step_id="import_choose", data_schema=_choice(options), description_placeholders=skipped
        )

    # --- other integrations -------------------------------------------------------------------------------------------

    async def async_step_takeover(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Which of Home Assistant's other cameras; they stay as they are."""
        if user_input is not None:
            return self._added(
                NewCamera(one.name, (one.source,), maker=one.maker, model=one.model)
                for one in self._offer.candidates
                if one.entity_id in user_input[_CHOSEN]
            )
        self._offer = await takeover.offer(self.hass, self._entry)
        named = {"away": _listed(self._offer.away), "closed": _listed(self._offer.closed)}
        if not self._offer.candidates:
            return self.async_abort(reason="nothing_to_take_over", description_placeholders=named)
        options = [
            SelectOptionDict(value=one.entity_id, label=f"{one.name} ({one.platform})")
            for one in self._offer.candidates
        ]
        return self.async_show_form(step_id="takeover", data_schema=_choice(options), description_placeholders=named)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _added(self, cameras: Iterable[NewCamera]) -> SubentryFlowResult:
        """One subentry each; a name that is free is chosen for those that have none."""
        names = []
        for camera in cameras:
            stream = camera.stream or free_stream(self._entry, camera.title)
            add_camera(self.hass, self._entry, replace(camera, stream=stream))
            names.append(camera.title)
        return self.async_abort(reason="cameras_added", description_placeholders={"names": _listed(names)})


def _read(hass: HomeAssistant, given: dict[str, Any]) -> StreamsFile:
    """The file, or else the text. Raises `InvalidFile`."""
    text = given.get(_TEXT) or ""
    if given.get(_FILE):
        try:
            with process_uploaded_file(hass, given[_FILE]) as path, path.open("rb") as file:
                text = file.read(MAX_BYTES + 1).decode()
        except (OSError, ValueError) as error:
            raise InvalidFile from error
    return read_streams(text)


def _choice(options: list[SelectOptionDict]) -> vol.Schema:
    """Check boxes, all set."""
    selector = SelectSelector(SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST))
    return vol.Schema({vol.Required(_CHOSEN, default=[one["value"] for one in options]): selector})


def _label(stream: FileStream) -> str:
    return f"{stream.name} + {stream.name}_sub" if stream.sub_sources else stream.name


def _title(name: str) -> str:
    """A name for people."""
    words = name.replace("_", " ").strip() or name
    return words[0].upper() + words[1:]


def _listed(names: Iterable[str]) -> str:
    """Names for a sentence; not all of hundreds."""
    known = list(names)
    more = ["…"] if len(known) > _MAX_NAMED else []
    return ", ".join((*known[:_MAX_NAMED], *more)) or "–"
