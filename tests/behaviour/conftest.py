"""The API over a fake camera; modules that need another `gateway` make their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.fakes.gateway import Gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with Gateway(tmp_path) as gateway:
        yield gateway


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[ClientSession]:
    async with ClientSession(gateway.url) as session:
        yield session


@pytest.fixture
def offer(root: Path) -> str:
    return (root / "tests/captures/offers/chromium_view.sdp").read_text()
