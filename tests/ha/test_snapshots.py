"""What users and bug reports see of one camera, as it was when somebody last looked at `snapshots`."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from syrupy.assertion import SnapshotAssertion

from .conftest import entry_for, settle
from .fakes import FakeGateway

SOURCE = "rtsp://user:canary@camera/1"
VIDEO = {"codec": "H264", "width": 1920, "height": 1080, "fps": 25.0, "bit_rate": 4_000_000, "key_overdue": False}
AUDIO = {"codec": "PCMA", "sample_rate": 8000, "channels": 1}
_CHANGING = {"access_token", "entity_picture", "entity_picture_local", "friendly_name"}
"""Of a state: from run to run, or with Home Assistant's version."""


@pytest.fixture
async def entry(hass: HomeAssistant, fake: FakeGateway) -> AsyncIterator[MockConfigEntry]:
    """A camera that is watched, has everything a camera can have, and whose entities are all on."""
    fake.facts, fake.hears = {"video": VIDEO, "audio": AUDIO}, {"door": True}
    fake.streams |= {"door_sub": ["rtsp://***@camera/2"], "other": ["rtsp://***@elsewhere/1"]}
    entry = entry_for(fake.url, cameras={"door": (SOURCE,)})
    entry.add_to_hass(hass)
    (camera,) = entry.subentries.values()
    data = {**camera.data, "sub_sources": ["rtsp://user:canary@camera/2"], "maker": "Acme", "model": "Eye 3"}
    hass.config_entries.async_update_subentry(entry, camera, data=data)
    assert await hass.config_entries.async_setup(entry.entry_id)
    registry = er.async_get(hass)
    await settle(hass, lambda: registry.async_get("media_player.door_speaker"))
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(entity.entity_id, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await fake.tell("reader.added", stream="door", reader=7, format="webrtc", remote="")
    await settle(hass, lambda: hass.states.is_state("camera.door", "streaming"))
    await hass.async_block_till_done()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


def plain(value: Any) -> Any:
    """As JSON has it: Home Assistant's own names and enumerations come and go."""
    return json.loads(json.dumps(value))


async def test_entities_of_a_camera(hass: HomeAssistant, entry: MockConfigEntry, snapshot: SnapshotAssertion) -> None:
    (camera,) = entry.subentries

    def shown(entity: er.RegistryEntry) -> dict[str, Any]:
        state = hass.states.get(entity.entity_id)
        assert state is not None
        return {
            "id": entity.unique_id.replace(camera, "camera"),
            "name": entity.original_name,
            "category": entity.entity_category,
            "class": entity.original_device_class,
            "state": state.state,
            "attributes": {key: value for key, value in state.attributes.items() if key not in _CHANGING},
        }

    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    assert plain({one.entity_id: shown(one) for one in sorted(entities, key=lambda one: one.entity_id)}) == snapshot


async def test_diagnostics(
    hass: HomeAssistant,
    fake: FakeGateway,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    snapshot: SnapshotAssertion,
) -> None:
    told: Any = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert told["entry"].pop("url") == fake.url
    assert told == snapshot


async def test_a_repair(
    hass: HomeAssistant, fake: FakeGateway, entry: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    assert await async_setup_component(hass, "repairs", {})
    await fake.source_state("waiting", "camera:554 refused the user and password", code="unauthorized")
    (camera,) = entry.subentries
    registry = ir.async_get(hass)
    await settle(hass, lambda: registry.async_get_issue("go2py", f"camera_auth_{camera}"))
    issue = registry.async_get_issue("go2py", f"camera_auth_{camera}")
    assert issue is not None
    seen = {
        "key": issue.translation_key,
        "placeholders": issue.translation_placeholders,
        "severity": issue.severity,
        "fixable": issue.is_fixable,
        "persistent": issue.is_persistent,
    }
    assert plain(seen) == snapshot
