"""Home Assistant's own go2rtc integration, pointed at a gateway: cameras of other integrations play through it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from scripts.home_assistant.demo import make_dashboard
from tests.e2e.conftest import House
from tests.e2e.frontend import Frontend
from tests.fakes.network import SERVER, Network
from tests.fakes.rtsp_camera import Camera
from tests.fakes.running import Process


@pytest_asyncio.fixture(loop_scope="package")
async def camera(network: Network) -> AsyncIterator[Camera]:
    made = Camera(host=SERVER)
    with network.at_server():
        await made.start()
    yield made
    await made.stop()


async def test_a_generic_camera_plays_by_webrtc(house: House, gateway: Process, camera: Camera, page: Frontend) -> None:
    settings = {"framerate": 2, "verify_ssl": True, "rtsp_transport": "tcp", "authentication": "basic"}
    await house.api.add_integration(
        "generic", {"stream_source": camera.url, "advanced": settings}, {"confirmed_ok": True}
    )
    entities = await house.api.command("config/entity_registry/list")
    (entity,) = [one["entity_id"] for one in entities if one["platform"] == "generic"]
    await make_dashboard(house.api, "generic-test", "Generic", [entity], listed=False)
    await page.open("generic-test")
    await page.playing(page.card("picture-entity"), frames=50)
    async with gateway.http.get("/api/streams") as answer:
        streams = await answer.json()
    (served,) = [stream for name, stream in streams.items() if name.startswith("generic_")]
    assert "webrtc" in [viewer["format_name"] for viewer in served["consumers"]]  # not Home Assistant's own HLS
