"""Many cameras at once: streams of a go2rtc.yaml, and cameras of Home Assistant's other integrations."""

from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
from homeassistant.components.camera import Camera, async_get_stream_source
from homeassistant.config_entries import HANDLERS, SOURCE_USER, ConfigEntry, ConfigFlow
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity_platform import AddEntitiesCallback
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    MockPlatform,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.go2py.streams_file import MAX_BYTES, FileStream, InvalidFile, read_streams

from .conftest import entry_for, settle
from .fakes import FakeGateway

FILE = """
api: {listen: ":1984"}
streams:
  front_door: rtsp://admin:s3cret@10.0.0.5/main
  front_door_sub: rtsp://admin:s3cret@10.0.0.5/sub
  1:
    - onvif://u:p@10.0.0.6
    - ffmpeg:1#audio=opus
  on: {url: "rtsp://10.0.0.7/1"}
  shell: exec:rm -rf /
  Shell2: [rtsp://10.0.0.8/1, "echo:x"]
  variable: rtsp://admin:${PASSWORD}@10.0.0.9/1
  empty:
  nothing: null
  list: [[1]]
  mapping: {a: b}
  words: no source
  door: rtsp://10.0.0.3/1
"""


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> AsyncIterator[MockConfigEntry]:
    """A gateway with the camera `door`."""
    entry = entry_for(fake.url, cameras={"door": ("rtsp://user:old@camera/1",)})
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "homeassistant", {})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


async def step(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> Any:
    menu = await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    return await enter(hass, menu, next_step_id=name)


async def enter(hass: HomeAssistant, flow: Any, **data: Any) -> Any:
    return await hass.config_entries.subentries.async_configure(flow["flow_id"], data)


def options(flow: Any) -> dict[str, str]:
    (selector,) = flow["data_schema"].schema.values()
    return {option["value"]: option["label"] for option in selector.config["options"]}


# --- a file -----------------------------------------------------------------------------------------------------------


async def test_a_pasted_file(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    flow = await enter(hass, await step(hass, entry, "import_file"), text=FILE)
    assert flow["step_id"] == "import_choose"
    assert options(flow) == {"front_door": "front_door + front_door_sub", "1": "1", "on": "on"}
    assert flow["description_placeholders"] == {
        "command": "shell, Shell2",
        "reference": "variable",
        "empty": "empty, nothing",
        "odd": "list, mapping, words",
        "taken": "door",
    }
    assert flow["data_schema"]({}) == {"cameras": ["front_door", "1", "on"]}
    fake.asked.clear()
    done = await enter(hass, flow, cameras=["front_door", "1"])
    assert (done["reason"], done["description_placeholders"]) == ("cameras_added", {"names": "Front door, 1"})
    await settle(hass, lambda: fake.streams.keys() == {"door", "front_door", "front_door_sub", "1"})
    assert fake.streams["front_door"] == ["rtsp://admin:s3cret@10.0.0.5/main"]
    assert fake.streams["1"] == ["onvif://u:p@10.0.0.6", "ffmpeg:1#audio=opus"]
    assert not [line for line in fake.asked if line.startswith("door: ")]
    await settle(hass, lambda: hass.states.get("camera.front_door"))
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("custom_components")]
    assert "s3cret" not in "".join(ours)

    again = await enter(hass, await step(hass, entry, "import_file"), text=FILE)
    assert options(again) == {"on": "on"}
    await enter(hass, again, cameras=["on"])
    nothing = await enter(hass, await step(hass, entry, "import_file"), text=FILE)
    assert nothing["reason"] == "nothing_to_import"
    assert nothing["description_placeholders"]["taken"] == "front_door, 1, on, door"


async def test_taken_while_the_form_was_open(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    flow = await enter(hass, await step(hass, entry, "import_file"), text="streams: {new: 'rtsp://cam/1'}")
    await fake.tell("stream.added", stream="new", sources=[], readers=[])
    await settle(hass, lambda: "new" in entry.runtime_data.data)
    done = await enter(hass, flow, cameras=["new"])
    assert done["description_placeholders"] == {"names": "–"}


async def test_an_uploaded_file(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    client = await hass_client()
    flow = await step(hass, entry, "import_file")
    for content, error in ((FILE.encode(), ""), (b"\xff\xfe\x00", "file_invalid")):
        form = aiohttp.FormData()
        form.add_field("file", content, filename="go2rtc.yaml")
        answer = await client.post("/api/file_upload", data=form)
        flow = await step(hass, entry, "import_file")
        flow = await enter(hass, flow, file=(await answer.json())["file_id"])
        assert flow["step_id"] == ("import_file" if error else "import_choose")
        assert flow.get("errors") == ({"base": error} if error else None)
    gone = await enter(hass, flow, file="0" * 32)
    assert gone["errors"] == {"base": "file_invalid"}


async def test_a_file_that_is_none(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    flow = await step(hass, entry, "import_file")
    flow = await enter(hass, flow, text="streams:\n  door: 'rtsp://u:s3cret@x\n")
    assert flow["errors"] == {"base": "file_line"}
    assert "s3cret" not in str(flow)
    assert (await enter(hass, flow))["errors"] == {"base": "file_invalid"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "streams:",
        "streams: []",
        "[",
        "streams: {a: !!python/object/apply:os.system [ls]}",
        "streams: {a: !secret x}",
        "\x00",
        "a: &a [*a, *a]\nstreams: *b",
        "[" * 5000,
        "x" * (MAX_BYTES + 1),
        "streams: {" + ", ".join(f"s{number}: x" for number in range(300)) + "}",
        "? [a]\n: b",
    ],
)
def test_files_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidFile):
        read_streams(text)


def test_merges_do_not_multiply() -> None:
    levels = "".join(f"l{level}: &l{level} {{<<: [{', '.join([f'*l{level - 1}'] * 9)}]}}\n" for level in range(1, 12))
    text = f"l0: &l0 {{a: b}}\n{levels}streams: {{door: 'rtsp://cam/1', bad\u200b: 'rtsp://cam/2'}}"
    assert read_streams(text).streams == (FileStream("door", ("rtsp://cam/1",)),)


# --- other integrations -----------------------------------------------------------------------------------------------


class OtherCamera(Camera):
    """A camera of another integration."""

    def __init__(
        self, name: str, source: str | Exception | None, *, available: bool = True, device: bool = False
    ) -> None:
        super().__init__()
        self._attr_name, self._attr_unique_id = name, name
        self._attr_available = available
        self._source = source
        if name == "Yaml":
            self._attr_unique_id = None  # so it is in no registry
        if device:
            self._attr_has_entity_name, self._attr_name = True, None
            self._attr_device_info = dr.DeviceInfo(
                identifiers={("other", name)}, name=name, manufacturer="Acme", model="Eye"
            )

    async def stream_source(self) -> str | None:
        if isinstance(self._source, Exception):
            raise self._source
        return self._source


async def other_cameras(hass: HomeAssistant, cameras: list[OtherCamera], **options: Any) -> MockConfigEntry:
    async def setup(hass: HomeAssistant, entry: ConfigEntry) -> bool:
        await hass.config_entries.async_forward_entry_setups(entry, ["camera"])
        return True

    async def add(hass: HomeAssistant, entry: ConfigEntry, add_entities: AddEntitiesCallback) -> None:
        add_entities(cameras)

    mock_integration(hass, MockModule("other", async_setup_entry=setup), built_in=False)
    mock_platform(hass, "other.camera", MockPlatform(async_setup_entry=add))
    mock_platform(hass, "other.config_flow")
    other = MockConfigEntry(domain="other", options=options)
    other.add_to_hass(hass)
    with patch.dict(HANDLERS, {"other": ConfigFlow}):
        assert await hass.config_entries.async_setup(other.entry_id)
    await hass.async_block_till_done()
    return other


async def test_cameras_of_other_integrations(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    port = fake.about["rtsp"]["listen"]
    await other_cameras(
        hass,
        [
            OtherCamera("Yard", "rtsp://u:p@10.0.0.5/1", device=True),
            OtherCamera("Attic", "rtsp://10.0.0.6/1"),
            OtherCamera("Gone", "rtsp://10.0.0.7/1", available=False),
            OtherCamera("Broken", ValueError("odd")),
            OtherCamera("Without", None),
            OtherCamera("Yaml", None),
            OtherCamera("Shell", "exec:cat"),
            OtherCamera("File", "/tmp/film.mp4"),
            OtherCamera("Ours", f"rtsp://127.0.0.1{port}/door"),
            OtherCamera("Known", "rtsp://other:login@camera/1"),
        ],
    )
    before = {state.entity_id: state for state in hass.states.async_all("camera")}
    fake.asked.clear()
    flow = await step(hass, entry, "takeover")
    assert options(flow) == {"camera.attic": "Attic (other)", "camera.yard": "Yard (other)"}
    assert flow["description_placeholders"] == {"away": "Gone", "closed": "Broken, File, Shell, Without, Yaml"}
    done = await enter(hass, flow, cameras=["camera.yard"])
    assert done["description_placeholders"] == {"names": "Yard"}
    await settle(hass, lambda: fake.streams.get("yard") == ["rtsp://u:p@10.0.0.5/1"])
    await settle(hass, lambda: hass.states.get("camera.yard_2"))
    yard = next(one for one in entry.subentries.values() if one.title == "Yard")
    assert (yard.data["maker"], yard.data["model"]) == ("Acme", "Eye")
    assert all(hass.states.get(entity_id) is state for entity_id, state in before.items())
    assert await async_get_stream_source(hass, "camera.yard") == "rtsp://u:p@10.0.0.5/1"
    assert not [line for line in fake.asked if "=door" in line]

    again = await step(hass, entry, "takeover")
    assert options(again) == {"camera.attic": "Attic (other)"}


async def test_an_address_in_the_settings(hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry) -> None:
    await other_cameras(
        hass, [OtherCamera("Still", None)], still_image_url="http://10.0.0.5/still.jpg", username="u", password="p"
    )
    flow = await step(hass, entry, "takeover")
    await enter(hass, flow, cameras=["camera.still"])
    await settle(hass, lambda: fake.streams.get("still") == ["http://u:p@10.0.0.5/still.jpg"])


async def test_nothing_to_take_over(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    other = await other_cameras(
        hass,
        [OtherCamera("Gone", None, available=False), OtherCamera("Template", None)],
        still_image_url="http://10.0.0.5/{{ x }}.jpg",
    )
    menu = await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    assert "takeover" in menu["menu_options"]
    done = await enter(hass, menu, next_step_id="takeover")
    assert done["reason"] == "nothing_to_take_over"
    assert done["description_placeholders"] == {"away": "Gone", "closed": "Template"}
    await hass.config_entries.async_unload(other.entry_id)


async def test_our_own_are_not_offered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    menu = await hass.config_entries.subentries.async_init((entry.entry_id, "camera"), context={"source": SOURCE_USER})
    assert "takeover" not in menu["menu_options"]
