"""A person speaks to cameras through Home Assistant's pages, and Home Assistant plays into them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator

from scripts.home_assistant.demo import DASHBOARD, make_dashboard
from tests.e2e.conftest import Furnished, House, add, until_state
from tests.e2e.frontend import Frontend, person
from tests.e2e.talking import PLAYED, TONE, first_word, listening, repeated, seconds_of_tone, syllables, understands
from tests.fakes.doorbell import Doorbell
from tests.fakes.network import SERVER, Network
from tests.fakes.running import Process, until
from tests.peers.talking import record

_PEERS = """window.peers = 0; const Peer = RTCPeerConnection;
window.RTCPeerConnection = class extends Peer { constructor(...given) { super(...given); window.peers++; } };"""


@pytest_asyncio.fixture(loop_scope="package")
async def doorbell(network: Network) -> AsyncIterator[Doorbell]:
    """On another machine."""
    made = Doorbell(host=SERVER)
    with network.at_server():
        await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="package")
async def page(speaker: Browser, house: House) -> AsyncIterator[Frontend]:
    """The owner's tab, with a microphone; it counts peer connections."""
    async with person(speaker, house.home.url, house.api) as frontend:
        await frontend.page.add_init_script(_PEERS)
        yield frontend
        assert not frontend.complaints.found


async def show(house: House, page: Frontend, path: str, *entities: str) -> Locator:
    """A dashboard with our card; the card, when it is live."""
    await make_dashboard(house.api, path, path, [*entities], listed=False, talk=True)
    await page.open(path)
    card = page.page.locator("go2py-camera").first
    await card.locator("go2py-player[data-phase=live][data-mode=webrtc]").wait_for()
    await page.playing(card)
    return card


async def talk_of(gateway: Process, stream: str) -> dict[str, Any]:
    """What the gateway says of talk to a camera."""
    async with gateway.http.get("/api/talk", params={"src": stream}) as answer:
        told: dict[str, Any] = (await answer.json())["talk"]
    return told


async def stream_of(house: House, entity: str) -> str:
    """The camera's name in the gateway."""
    answer = await house.api.command(
        "call_service", domain="go2py", service="stream_info", target={"entity_id": entity}, return_response=True
    )
    return str(answer["response"][entity]["stream"])


async def speaker_of(house: House, camera: str) -> str:
    """The media player of a camera: it comes when the first picture was seen, as the camera is asked then."""
    await house.api.act("camera.snapshot", entity_id=camera, filename=str(house.home.folder / "seen.jpg"))
    entities = await house.api.command("config/entity_registry/list")
    (device,) = [one["device_id"] for one in entities if one["entity_id"] == camera]
    async with asyncio.timeout(30):
        while True:
            for one in await house.api.command("config/entity_registry/list"):
                if one["device_id"] == device and one["entity_id"].startswith("media_player."):
                    await until_state(house, one["entity_id"], "idle")
                    return str(one["entity_id"])
            await asyncio.sleep(0.1)


async def test_hold_to_talk_and_the_demo_camera_repeats_it(
    house: House, gateway: Process, furnished: Furnished, page: Frontend
) -> None:
    card = await show(house, page, "talk-demo", furnished.cameras[0])
    stream = await stream_of(house, furnished.cameras[0])
    button = card.get_by_role("button", name="Hold to speak")
    async with listening(gateway, stream) as sound:
        await button.hover()
        await page.page.mouse.down()
        await card.get_by_text("Speak now").wait_for()
        assert await button.get_attribute("aria-pressed") == "true"
        before, _ = await page.clock(card)
        now = before
        async with asyncio.timeout(30):
            while (await talk_of(gateway, stream))["packets"] < 100:
                now, _ = await page.clock(card)  # always a picture, never a black one
                assert now >= before
        assert (await talk_of(gateway, stream))["state"] == "talking"
        await page.picture("card-talking")
        assert now > before
        assert seconds_of_tone(sound, TONE) == 0
        await page.page.mouse.up()
        assert await button.get_attribute("aria-pressed") == "false"
        await repeated(sound, TONE)
    async with asyncio.timeout(20):
        while (await talk_of(gateway, stream))["state"] != "idle":
            await asyncio.sleep(0.1)
    await page.playing(card, frames=await page.frames(card) + 10)
    assert await page.page.evaluate("window.peers") == 1, "picture and talk share a connection"


async def test_a_doorbell_is_taken_only_while_somebody_speaks(
    house: House,
    furnished: Furnished,
    doorbell: Doorbell,
    page: Frontend,
    note: Callable[[str, object], None],
) -> None:
    entity = await add(house, furnished.entry, "Doorbell", doorbell.url)
    card = await show(house, page, "talk-doorbell", entity)
    button = card.get_by_role("button", name="Hold to speak")
    await button.hover()
    assert doorbell.press(), "watching takes nothing"
    for which in ("first", "second"):
        doorbell.heard.clear()
        pressed = time.monotonic()
        await page.page.mouse.down()
        await until(lambda: first_word(doorbell))
        note(f"card, {which} press → the doorbell hears", first_word(doorbell) - pressed)
        await until(lambda: understands(doorbell, TONE))
        assert not doorbell.press()
        released = time.monotonic()
        await page.page.mouse.up()
        await until(lambda: not doorbell.speakers)
        note(f"card, {which} release → the doorbell is free", time.monotonic() - released)
        assert doorbell.press()
    assert doorbell.opened == 2
    assert await page.page.evaluate("window.peers") == 1


async def test_talk_from_home_assistants_own_dialog(
    house: House,
    furnished: Furnished,
    doorbell: Doorbell,
    page: Frontend,
    note: Callable[[str, object], None],
) -> None:
    """Its button is a preview feature of Home Assistant 2026.11, under Settings → System → Labs."""
    entity = await add(house, furnished.entry, "Intercom", doorbell.url)
    feature = {"domain": "camera", "preview_feature": "two_way_audio"}
    await house.api.command("labs/update", **feature, enabled=True, create_backup=False)
    try:
        await speaker_of(house, entity)
        await page.open(f"{DASHBOARD}?more-info-entity-id={entity}")
        await page.playing(page.dialog)
        pressed = time.monotonic()
        await page.dialog.get_by_role("button", name="Start talking").click()
        await until(lambda: first_word(doorbell))
        note("dialog, button → the doorbell hears", first_word(doorbell) - pressed)
        await until(lambda: understands(doorbell, TONE))
        await page.playing(page.dialog)
        await page.picture("more-info-talking")
        released = time.monotonic()
        await page.dialog.get_by_role("button", name="Stop talking").click()
        await until(lambda: not doorbell.speakers)
        note("dialog, button → the doorbell is free", time.monotonic() - released)
    finally:
        await house.api.command("labs/update", **feature, enabled=False, create_backup=False)


@pytest.fixture
def sound_file(house: House) -> str:
    """A sound of two seconds in Home Assistant's media; how it is called there."""
    record(house.home.folder / "media/hello.wav", partial(syllables, tone=PLAYED), 2)
    return "media-source://media_source/local/hello.wav"


async def test_a_media_player_for_each_camera_that_hears(
    house: House,
    gateway: Process,
    furnished: Furnished,
    doorbell: Doorbell,
    sound_file: str,
    note: Callable[[str, object], None],
) -> None:
    entity = await add(house, furnished.entry, "Gate", doorbell.url)
    player = await speaker_of(house, entity)
    asked = time.monotonic()
    await house.api.act(
        "media_player.play_media", entity_id=player, media_content_id=sound_file, media_content_type="music"
    )
    await until(lambda: understands(doorbell, PLAYED))
    note("media_player.play_media → the doorbell hears", first_word(doorbell) - asked)
    await until_state(house, player, "idle")
    await until(lambda: not doorbell.speakers)


async def test_the_demo_camera_repeats_what_is_played(
    house: House, gateway: Process, furnished: Furnished, sound_file: str
) -> None:
    async with listening(gateway, await stream_of(house, furnished.cameras[0])) as sound:
        await house.api.act("go2py.play_audio", entity_id=furnished.cameras[0], media=sound_file)
        await repeated(sound, PLAYED)
