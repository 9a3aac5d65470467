"""The integration's own actions, and who may use them."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import probatio as vol
import pytest
from aiohttp import ClientError
from homeassistant.auth.models import User
from homeassistant.auth.permissions import PolicyPermissions
from homeassistant.core import Context, HomeAssistant
from homeassistant.core_config import async_process_ha_core_config
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import entry_for, settle
from .fakes import JPEG, FakeGateway
from .test_entities import setup


async def call(hass: HomeAssistant, action: str, user: User | None = None, /, **data: Any) -> Any:
    context = Context(user_id=user.id) if user else None
    return await hass.services.async_call("go2py", action, data, blocking=True, return_response=True, context=context)


def guest(hass: HomeAssistant, entities: dict[str, Any]) -> User:
    """Somebody with rights to some entities, or none."""
    user = MockUser(name="Guest").add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": entities}} if entities else {})
    return user


async def test_stream_info(hass: HomeAssistant, fake: FakeGateway) -> None:
    fake.facts = {"video": {"codec": "H264", "width": 640, "height": 360}, "audio": {"codec": "PCMA"}}
    entry = await setup(hass, fake)
    await fake.tell("reader.added", stream="door", reader=7, format="webrtc", remote="")
    await settle(hass, lambda: hass.states.is_state("camera.door", "streaming"))
    told = (await call(hass, "stream_info", entity_id="camera.door"))["camera.door"]
    assert (told["stream"], told["state"], told["viewers"], told["readers"]) == ("door", "live", 1, ["webrtc"])
    assert told["video"]["codec"] == "H264"
    assert told["plan"] == {"sources": [], "tracks": []}
    fake.refuse["GET /api/plan"] = 500, "streams: codecs not matched"
    with pytest.raises(HomeAssistantError, match="The gateway refused: codecs not matched"):
        await call(hass, "stream_info", entity_id="camera.door")
    await hass.config_entries.async_unload(entry.entry_id)


async def test_streams_for_now(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "username": "me", "password": "canary"})
    await hass.async_block_till_done()
    made = await call(hass, "add_stream", name="visitor cam", source="rtsp://camera/2")
    assert made == {"name": "visitor cam", "rtsp": "rtsp://127.0.0.1:8554/visitor%20cam"}  # and no password
    await settle(hass, lambda: "visitor cam" in entry.runtime_data.data)
    with pytest.raises(ServiceValidationError, match="has a stream visitor cam already"):
        await call(hass, "add_stream", name="visitor cam", source="rtsp://camera/3")
    with pytest.raises(ServiceValidationError, match="door was not made by"):
        await call(hass, "remove_stream", name="door")
    assert await call(hass, "remove_stream", name="visitor cam") == {"name": "visitor cam"}
    assert set(fake.streams) == {"door"}
    fake.refuse["PATCH /api/streams"] = 400, "streams: source from insecure producer"
    with pytest.raises(HomeAssistantError, match="The gateway refused: source from insecure producer"):
        await call(hass, "add_stream", name="run", source="exec:rm")
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError, match="Gateway is not connected"):
        await call(hass, "add_stream", name="late", source="rtsp://camera/2")


async def test_which_gateway(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    MockConfigEntry(domain="go2py", title="Other").add_to_hass(hass)
    with pytest.raises(ServiceValidationError, match="not exactly one gateway"):
        await call(hass, "add_stream", name="x", source="rtsp://camera/2")
    await call(hass, "add_stream", name="x", source="rtsp://camera/2", config_entry_id=entry.entry_id)
    fake.refuse["DELETE /api/streams"] = 503, ""
    with pytest.raises(HomeAssistantError, match="does not answer"):
        await call(hass, "remove_stream", name="x", config_entry_id=entry.entry_id)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_rights(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    nobody, sees = guest(hass, {}), guest(hass, {"camera.door": {"read": True}})
    uses = guest(hass, {"camera.door": {"read": True, "control": True}})
    for user in (nobody, sees):
        for name in ("stream_info", "create_share_link"):
            with pytest.raises(Unauthorized):
                await call(hass, name, user, entity_id="camera.door")
        with pytest.raises(Unauthorized):
            await hass.services.async_call(
                "camera", "turn_off", {"entity_id": "camera.door"}, blocking=True, context=Context(user_id=user.id)
            )
    assert await call(hass, "stream_info", uses, entity_id="camera.door")
    for name, data in (("add_stream", {"name": "x", "source": "rtsp://camera/2"}), ("remove_stream", {"name": "x"})):
        with pytest.raises(Unauthorized):
            await call(hass, name, uses, **data)
    assert set(fake.streams) == {"door"}
    assert not fake.paused
    await hass.config_entries.async_unload(entry.entry_id)


async def test_share_a_still(
    hass: HomeAssistant, fake: FakeGateway, hass_client_no_auth: ClientSessionGenerator
) -> None:
    await async_process_ha_core_config(hass, {"external_url": "https://home.example"})
    entry = await setup(hass, fake)
    shared = (await call(hass, "create_share_link", entity_id="camera.door", kind="still"))["camera.door"]
    assert shared["url"] == f"https://home.example{shared['path']}"
    expires = dt_util.parse_datetime(shared["expires"])
    assert expires is not None
    assert timedelta(minutes=59) < expires - dt_util.utcnow() <= timedelta(hours=1)
    client = await hass_client_no_auth()
    response = await client.get(shared["path"])
    assert response.status == HTTPStatus.OK
    assert await response.read() == JPEG
    assert response.headers["Cache-Control"] == "no-store"

    path, signature = shared["path"].split("?")
    for other in (
        path,  # without a signature
        f"{path.replace('still', 'live')}?{signature}",
        f"{path}0?{signature}",  # for longer
        f"/api/camera_proxy/camera.door?{signature}",
    ):
        assert (await client.get(other)).status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    er.async_get(hass).async_update_entity("camera.door", new_entity_id="camera.entrance")
    await hass.async_block_till_done()
    assert (await client.get(shared["path"])).status == HTTPStatus.OK  # it is the same camera
    await hass.services.async_call("camera", "turn_off", {"entity_id": "camera.entrance"}, blocking=True)
    await settle(hass, lambda: hass.states.is_state("switch.door_privacy", "on"))
    assert (await client.get(shared["path"])).status == HTTPStatus.SERVICE_UNAVAILABLE
    er.async_get(hass).async_remove("camera.entrance")
    await hass.async_block_till_done()
    assert (await client.get(shared["path"])).status == HTTPStatus.NOT_FOUND
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_link_ends(hass: HomeAssistant, fake: FakeGateway, hass_client_no_auth: ClientSessionGenerator) -> None:
    entry = await setup(hass, fake)
    shared = (await call(hass, "create_share_link", entity_id="camera.door", duration={"seconds": 2}))["camera.door"]
    assert shared["url"] is None or shared["url"].endswith(shared["path"])
    client = await hass_client_no_auth()
    response = await client.get(shared["path"])
    assert response.status == HTTPStatus.OK
    with pytest.raises(ClientError):  # cut off in the middle
        await response.read()
    await settle(hass, lambda: not fake.watching)
    assert dt_util.utcnow().timestamp() >= int(shared["path"].split("/")[-1].split("?")[0])
    async_now = await client.get(shared["path"])
    assert async_now.status == HTTPStatus.UNAUTHORIZED
    await hass.config_entries.async_unload(entry.entry_id)


async def test_no_link_for_longer_than_a_week(hass: HomeAssistant, fake: FakeGateway) -> None:
    entry = await setup(hass, fake)
    with pytest.raises(vol.Invalid):
        await call(hass, "create_share_link", entity_id="camera.door", duration={"days": 8})
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_user_without_a_link(
    hass: HomeAssistant, fake: FakeGateway, hass_client: ClientSessionGenerator, hass_admin_user: MockUser
) -> None:
    """Whoever logs in and makes up the path needs the right to see the camera."""
    entry = entry_for(fake.url, cameras={"door": (), "yard": ()})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    client = await hass_client()
    registry = er.async_get(hass)
    ids = {name: found.id for name in ("door", "yard") if (found := registry.async_get(f"camera.{name}"))}
    fake.refuse["GET /api/stream.mjpeg"] = 500, "camera: no answer", "unreachable"
    assert (await client.get(f"/api/go2py/share/{ids['door']}/still/9999999999")).status == HTTPStatus.OK
    assert (await client.get(f"/api/go2py/share/{ids['door']}/live/9999999999")).status == HTTPStatus.BAD_GATEWAY
    for wrong in (f"{ids['door']}/still/soon", f"{ids['door']}/film/9", "nothing/still/9"):
        assert (await client.get(f"/api/go2py/share/{wrong}")).status == HTTPStatus.NOT_FOUND
    hass_admin_user.groups = []
    hass_admin_user.mock_policy({"entities": {"entity_ids": {"camera.door": {"read": True}}}})
    assert isinstance(hass_admin_user.permissions, PolicyPermissions)
    assert (await client.get(f"/api/go2py/share/{ids['door']}/still/9999999999")).status == HTTPStatus.OK
    assert (await client.get(f"/api/go2py/share/{ids['yard']}/still/9999999999")).status == HTTPStatus.FORBIDDEN
    await hass.config_entries.async_unload(entry.entry_id)
