"""What is to be played, and which of that a caller may name."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import ProtocolError, Unsupported
from ...observe.secret import mask, remember

MAX_UPLOAD = 32 << 20
MAX_TEXT = 2_000
_PREFIX = "ffmpeg:"


@dataclass(frozen=True, slots=True)
class Material:
    """An address (`http`, `https`), a file, or bytes; exactly one of them. `title` is what others are told."""

    title: str
    url: str = field(default="", repr=False)
    file: Path | None = None
    data: bytes = field(default=b"", repr=False)


async def material(text: str, folders: Sequence[Path]) -> Material:
    """From go2rtc's text (`ffmpeg:<address or path>#…`), an address or a path below one of `folders`.

    Raises `Unsupported`, `ProtocolError` with what would be right.
    """
    text = text.removeprefix(_PREFIX).partition("#")[0].strip()
    scheme = text.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return _address(text)
    if not text or not text.isprintable():
        raise ProtocolError("what is to be played is missing")
    path = Path(text.removeprefix("file://"))
    if "://" in text and not text.startswith("file://"):
        raise Unsupported(f"{scheme}: is not played; an http or https address or a file is")
    return Material(path.name, file=await asyncio.to_thread(_allowed, path, folders))


def _address(url: str) -> Material:
    try:
        parts = urlsplit(url)
        host, password = parts.hostname, parts.password
    except ValueError:
        host = password = None
    if not host or not url.isprintable() or " " in url:
        raise ProtocolError("the address to be played is not valid")
    remember(password or "")
    return Material(mask(url), url=url)


def _allowed(path: Path, folders: Sequence[Path]) -> Path:
    """The file behind a path, links followed."""
    if not folders:
        raise Unsupported("files are only played from the folders under play.folders, and there are none")
    if not path.is_absolute():
        found = next((folder / path for folder in folders if (folder / path).is_file()), None)
        path = found or folders[0] / path
    try:
        real = path.resolve(strict=True)
    except OSError, RuntimeError:
        raise Unsupported(f"there is no file {path.name} below the folders under play.folders") from None
    if not real.is_file() or not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise Unsupported(f"there is no file {path.name} below the folders under play.folders")
    return real
