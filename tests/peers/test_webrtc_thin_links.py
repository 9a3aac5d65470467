"""Chromium behind a thin and a lossy link, in a network namespace of its own: it catches up and plays on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from go2py.config.values import WebRtcConfig
from go2py.streams.negotiate import wants_from_query
from go2py.streams.reader import ReaderInfo
from tests.fakes.loop import clip
from tests.fakes.webrtc import gateway
from tests.peers.test_webrtc_chromium import browser, decoded, only

NAMESPACE = "go2py-thin"
HOST = "10.99.7.1"
WATCH = """() => { window.gaps = []; let last = performance.now(); const v = document.getElementById("v");
const seen = () => { const now = performance.now(); window.gaps.push(now - last); last = now;
  v.requestVideoFrameCallback(seen); };
v.requestVideoFrameCallback(seen); }"""


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True, capture_output=True)


@pytest.fixture
def behind(request: pytest.FixtureRequest, chromium: Path, tmp_path: Path) -> Iterator[Path]:
    """A Chromium behind a link of `request.param`: rate for tbf, percentage of packets lost."""
    rate, loss = request.param
    if os.geteuid() or not all(map(shutil.which, ("ip", "tc", "nft"))):
        pytest.skip("network namespaces need root, ip, tc and nft")
    inside = f"ip netns exec {NAMESPACE}"
    try:
        run(f"ip netns add {NAMESPACE}", "ip link add go2py-a type veth peer name go2py-b")
        run(f"ip link set go2py-b netns {NAMESPACE}", f"ip addr add {HOST}/24 dev go2py-a", "ip link set go2py-a up")
        run(f"{inside} ip addr add 10.99.7.2/24 dev go2py-b", f"{inside} ip link set go2py-b up")
        run(f"{inside} ip link set lo up", f"tc qdisc add dev go2py-a root tbf rate {rate} burst 8kb latency 100ms")
        run(f"{inside} nft add table ip loss")
        run(f"{inside} nft add chain ip loss in {{ type filter hook input priority 0 ; }}")
        run(f"{inside} nft add rule ip loss in meta l4proto udp numgen random mod 100 < {loss} drop")
        wrapper = tmp_path / "chromium"
        wrapper.write_text(f'#!/bin/sh\nexec {inside} {chromium} "$@"\n')
        wrapper.chmod(0o755)
        yield wrapper
    finally:
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "go2py-a"], check=False, capture_output=True)


@pytest.mark.parametrize("behind", [("6mbit", 2), ("100mbit", 2)], indirect=True, ids=["thin", "lossy"])
async def test_long_group_of_pictures_plays_on(behind: Path) -> None:
    """2 Mbit/s with a key picture each ten seconds, joined after five."""
    made = clip(gop=250, size=(1280, 720), bitrate=2_000_000)
    async with (
        gateway(made, WebRtcConfig(listen=f"{HOST}:0")) as (registry, service),
        browser(behind, registry, service, HOST) as page,
    ):
        holder = await registry.require("door").attach(ReaderInfo("test"), wants_from_query(()))
        await page.wait_for_timeout(5_000)
        await page.evaluate("start()")
        await decoded(page, 1)
        before = (await decoded(page, 150))["video"]["framesDecoded"]
        await page.evaluate(WATCH)
        video = (await decoded(page, before + 150))["video"]
        gaps = await page.evaluate("window.gaps")
        assert max(gaps) < 500
        assert video["pliCount"] == 0
        assert only(service).viewer.statistics()["skips"] == 0
        holder.close()
