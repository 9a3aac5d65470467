"""What is behind the text of a source: `POST /api/discovery/probe` with `src`."""

import asyncio
import base64
from typing import Any

from ..errors import SourceError
from ..outputs.snapshot import still_of
from ..sources.registry import dial
from ..streams.facts import describe_codec
from ..streams.registry import Registry
from ..streams.source import SourceUrl
from ..streams.trial import Tried, try_source

PREVIEW_WIDTH = 640


async def try_text(registry: Registry, text: str, *, preview: bool) -> dict[str, Any]:
    """Connect once, look, close: what a camera has, as a probe of its address tells it, and `medias`; with `preview`
    a JPEG in base64, empty if no picture came. Raises `ConfigError` for texts that must not come from outside."""
    registry.validate(text)
    url = SourceUrl(text)
    try:
        spec = dial(url)
        registry.check_pause(spec)
        tried = await try_source(spec)
    except SourceError as error:
        return _told(url, None, [error])
    told = _told(url, tried, [tried.problem] if tried.problem else [])
    if preview:
        told["preview"] = ""
        if tried.key is not None:
            try:
                still = await asyncio.to_thread(still_of, tried.key, max_width=PREVIEW_WIDTH)
                told["preview"] = base64.b64encode(still.jpeg).decode()
            except SourceError as error:
                told["problems"].append({"code": error.code, "message": str(error)})
    return told


def _told(url: SourceUrl, tried: Tried | None, problems: list[SourceError]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "source": url.masked,
        "medias": [],
        "talk": False,
        "streams": [],
        "problems": [{"code": error.code, "message": str(error)} for error in problems],
    }
    if tried is not None:
        told["medias"] = [offer.label() for offer in tried.offers]
        told["talk"] = any(offer.direction == "sendonly" for offer in tried.offers)
        told["streams"] = [_stream(url, tried, talk=told["talk"])]
        for kind, codec in (("video", tried.video), ("audio", tried.audio)):
            if codec is not None:
                told[kind] = describe_codec(codec)
        if tried.fps:
            told["video"]["fps"] = round(tried.fps, 1)
    return told


def _stream(url: SourceUrl, tried: Tried, *, talk: bool) -> dict[str, Any]:
    video, audio = tried.video, tried.audio
    return {
        "name": "",
        "role": "main",
        "via": "source",
        "source": url.masked,
        "onvif": "",
        "video": describe_codec(video)["codec"] if video else "",
        "width": video.width if video else 0,
        "height": video.height if video else 0,
        "fps": round(tried.fps),
        "audio": describe_codec(audio)["codec"] if audio else "",
        "talk": talk,
        "checked": True,
    }
