"""`/api/stream.mjpeg` as ffmpeg and a browser's `<img>` take it."""

import asyncio
import json
import socket
from pathlib import Path

import pytest

from go2py.sources.demo import clockcode
from tests.fakes.running import Running
from tests.fakes.still_camera import decode_jpeg
from tests.peers.browser import tab

SIZE = "320x240"
STREAMS = {"door": f"demo:?size={SIZE}&fps=20&gop=40&audio=none"}

IMAGE = """async url => {
  const image = new Image();
  image.crossOrigin = "anonymous";
  image.src = url;
  document.body.append(image);
  await new Promise((resolve, reject) => { image.onload = resolve; image.onerror = reject; });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const shown = [];
  for (let i = 0; i < 20 && shown.length < 4; i++) {
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const luma = Array.from({length: data.length / 4}, (_, n) => data[4 * n + 1]);
    const text = JSON.stringify(luma);
    if (text !== shown.at(-1)) shown.push(text);
    await new Promise(resolve => setTimeout(resolve, 300));
  }
  return [canvas.width, canvas.height, shown];
}"""


async def test_ffmpeg_reads_it(tmp_path: Path) -> None:
    async with Running(tmp_path, STREAMS) as gateway:
        url = f"{gateway.url}/api/stream.mjpeg?src=door&fps=10"
        arguments = ("-v", "error", "-f", "mpjpeg", "-i", url, "-frames:v", "8", "-f", "framecrc", "-")
        ffmpeg = await asyncio.create_subprocess_exec(
            "ffmpeg", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(40):
            out, complaints = await ffmpeg.communicate()
        assert ffmpeg.returncode == 0, complaints.decode()
        pictures = [line for line in out.decode().splitlines() if line and not line.startswith("#")]
        assert len(pictures) == 8
        assert len({line.split(",")[-1] for line in pictures}) > 4, "they differ"
        assert not complaints, complaints.decode()


@pytest.mark.timeout(90)
async def test_an_image_in_chromium_moves(tmp_path: Path, chromium: Path) -> None:
    async with Running(tmp_path, STREAMS) as gateway, tab(chromium) as (page, complaints):
        await page.goto(f"{gateway.url}/log.html")
        width, height, shown = await page.evaluate(IMAGE, f"{gateway.url}/api/stream.mjpeg?src=door")
        assert f"{width}x{height}" == SIZE
        times = [clockcode.decode(bytes(json.loads(text)), width, height, stride=width) for text in shown]
        assert len(times) == 4, "it moves"
        assert times == sorted(times)
        await page.goto("about:blank")
        async with asyncio.timeout(20):
            while (await gateway.info()).get("consumers"):
                await asyncio.sleep(0.1)
        assert not complaints.found


async def test_pictures_that_ffmpeg_serves_are_a_source(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (
        "-v",
        "error",
        "-re",
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=320x240:rate=10",
        "-c:v",
        "mjpeg",
        "-f",
        "mpjpeg",
    )
    kind = ("-content_type", "multipart/x-mixed-replace;boundary=ffmpeg", "-listen", "1")
    ffmpeg = await asyncio.create_subprocess_exec("ffmpeg", *arguments, *kind, f"http://127.0.0.1:{port}/live")
    try:
        async with Running(tmp_path, {"door": f"http://127.0.0.1:{port}/live"}) as gateway:
            async with gateway.http.get("/api/frame.jpeg", params={"src": "door"}) as answer:
                assert answer.status == 200, await answer.text()
                frame = decode_jpeg(await answer.read())
            assert (frame.width, frame.height) == (320, 240)
            info = await gateway.info()
            assert info["video"]["codec"] == "JPEG"
            assert info["producers"][0]["format_name"] == "mpjpeg"
    finally:
        ffmpeg.kill()
        await ffmpeg.wait()


async def test_a_gateways_pictures_are_another_ones_source(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with Running(tmp_path / "one", STREAMS) as one:
        url = f"{one.url}/api/stream.mjpeg?src=door"
        async with (
            Running(tmp_path / "two", {"door": url}) as two,
            two.http.get("/api/frame.jpeg", params={"src": "door"}) as answer,
        ):
            assert answer.status == 200, await answer.text()
            assert f"{decode_jpeg(await answer.read()).width}x240" == SIZE
