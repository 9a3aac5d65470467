"""Home Assistant's own actions with our cameras, against the real gateway: snapshot, record, play, off."""

import io
from pathlib import Path

import av
import pytest
from aiohttp import ClientSession
from homeassistant.components.camera import async_get_image
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from PIL import Image
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from .conftest import RealGateway, settle


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await async_setup_component(hass, "stream", {})
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def act(hass: HomeAssistant, service: str, **data: object) -> None:
    await hass.services.async_call("camera", service, {"entity_id": "camera.demo", **data}, blocking=True)


async def test_snapshot(hass: HomeAssistant, real_entry: MockConfigEntry, tmp_path: Path) -> None:
    await start(hass, real_entry)
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    file = tmp_path / "new folder" / "door.jpg"
    await act(hass, "snapshot", filename=str(file))
    assert Image.open(io.BytesIO(await hass.async_add_executor_job(file.read_bytes))).size == (1280, 720)
    await hass.config_entries.async_unload(real_entry.entry_id)


@pytest.mark.parametrize("rotate", [0, 90])
async def test_record(hass: HomeAssistant, real_entry: MockConfigEntry, tmp_path: Path, rotate: int) -> None:
    """By Home Assistant's own stream component, over RTSP with the gateway's password."""
    await start(hass, real_entry)
    (subentry,) = real_entry.subentries.values()
    hass.config_entries.async_update_subentry(real_entry, subentry, data={**subentry.data, "rotate": rotate})
    await hass.async_block_till_done()
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    file = tmp_path / "clip.mp4"
    await act(hass, "record", filename=str(file), duration=3)
    await settle(hass, file.exists)

    def look() -> tuple[int, int, int, int]:
        with av.open(str(file)) as clip:
            video = clip.streams.video[0]
            frames = list(clip.decode(video))
            return video.width, video.height, len(frames), int(frames[0].rotation)

    width, height, frames, rotation = await hass.async_add_executor_job(look)
    assert (width, height) == (1280, 720)
    assert frames > 10
    assert rotation % 360 == (-rotate) % 360  # as libav counts: counterclockwise
    await hass.config_entries.async_unload(real_entry.entry_id)


async def test_play_stream(
    hass: HomeAssistant, real_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """A player gets HLS that can be fetched."""
    await start(hass, real_entry)
    await hass.config.async_update(internal_url="http://127.0.0.1:8123")
    calls = async_mock_service(hass, "media_player", "play_media")
    hass.states.async_set("media_player.tv", "idle")
    await act(hass, "play_stream", media_player="media_player.tv")
    url = calls[0].data["media_content_id"]
    assert url.startswith("http://127.0.0.1:8123/api/hls/")
    client = await hass_client()
    playlist = await client.get(url.removeprefix("http://127.0.0.1:8123"))
    assert "#EXT-X-STREAM-INF" in await playlist.text()
    await hass.config_entries.async_unload(real_entry.entry_id)


async def test_off(
    hass: HomeAssistant, gateway: RealGateway, real_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """The real gateway lets the camera go, and ends who watches."""
    await start(hass, real_entry)
    client = await hass_client()
    moving = await client.get("/api/camera_proxy_stream/camera.demo")
    assert b"image/jpeg" in await moving.content.read(200)
    await settle(hass, lambda: hass.states.is_state("camera.demo", "streaming"))
    await act(hass, "turn_off")
    await settle(hass, lambda: hass.states.is_state("switch.demo_privacy", "on"))
    await moving.content.read()
    assert moving.content.at_eof()
    stream = real_entry.runtime_data.data["demo"]
    assert (stream.paused, stream.live, stream.viewers) == (True, False, 0)
    with pytest.raises(HomeAssistantError, match="Camera is off"):
        await async_get_image(hass, "camera.demo")
    async with ClientSession() as somebody:  # nor does the gateway give anything to others
        url = f"{gateway.url}api/frame.jpeg?src=demo"
        response = await somebody.get(url, headers=real_entry.runtime_data.client._headers)
        assert (response.status, response.headers["X-Go2py-Code"]) == (503, "paused")
    await act(hass, "turn_on")
    await settle(hass, lambda: hass.states.is_state("switch.demo_privacy", "off"))
    assert (await async_get_image(hass, "camera.demo")).content
    await hass.config_entries.async_unload(real_entry.entry_id)


async def test_facts(hass: HomeAssistant, real_entry: MockConfigEntry) -> None:
    await start(hass, real_entry)
    assert (await async_get_image(hass, "camera.demo")).content
    await settle(hass, lambda: hass.states.is_state("sensor.demo_video_codec", "H264"))
    await settle(hass, lambda: hass.states.is_state("sensor.demo_resolution", "1280×720"))
    told = await hass.services.async_call(
        "go2py", "stream_info", {"entity_id": "camera.demo"}, blocking=True, return_response=True
    )
    assert told is not None
    demo = told["camera.demo"]
    assert isinstance(demo, dict)
    assert isinstance(plan := demo["plan"], dict)
    assert plan["sources"] == ["demo:"]
    await hass.config_entries.async_unload(real_entry.entry_id)
