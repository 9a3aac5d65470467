"""Spoken text: a configured address or command makes the sound."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from urllib.parse import quote

from ...config.values import PlayConfig
from ...errors import ProtocolError, Unreachable, Unsupported
from .material import MAX_TEXT, MAX_UPLOAD, Material

SECONDS = 30.0


async def speech(text: str, voice: str, config: PlayConfig, programs: Sequence[str] | None) -> Material:
    """The sound of a text; `programs` may be run, None for any.

    Raises `Unsupported` where nothing is configured, `Unreachable` where it fails, `ProtocolError` for a bad text.
    """
    if not text.strip() or len(text) > MAX_TEXT or not text.replace("\n", " ").isprintable():
        raise ProtocolError(f"a text of 1 to {MAX_TEXT} printable characters is expected")
    if not voice.isprintable() or voice.startswith("-"):
        raise ProtocolError("this is not the name of a voice")
    if config.tts_url:
        url = config.tts_url.open().replace("{text}", quote(text, safe="")).replace("{voice}", quote(voice, safe=""))
        return Material("speech", url=url)
    if config.tts_command and programs is not None and config.tts_command[0] not in programs:
        raise Unsupported("play.tts.command is not among exec.allow_paths")
    if config.tts_command:
        return Material("speech", data=await _run(config.tts_command, text, voice))
    raise Unsupported("no text can be spoken: set play.tts.url or play.tts.command")


async def _run(command: Sequence[str], text: str, voice: str) -> bytes:
    """What the command writes: it gets the text as `{text}` in an argument, else by its standard input."""
    text = f" {text}" if text.startswith("-") else text  # no option of the command
    arguments = [one.replace("{text}", text).replace("{voice}", voice) for one in command]
    spoken = any("{text}" in one for one in command)
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Unreachable(f"play.tts.command does not start: {error.strerror}") from error
    try:
        async with asyncio.timeout(SECONDS):
            return await _talk(process, b"" if spoken else text.encode())
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and whom it started: they hold its output
        if isinstance(error, TimeoutError):
            raise Unreachable(f"play.tts.command takes longer than {SECONDS:.0f} s") from None
        raise
    finally:
        await process.wait()


async def _talk(process: asyncio.subprocess.Process, text: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it may not want to know
        process.stdin.write(text)
        await process.stdin.drain()
    process.stdin.close()
    sound = bytearray()
    while chunk := await process.stdout.read(64 << 10):
        sound += chunk
        if len(sound) > MAX_UPLOAD:
            raise Unreachable("play.tts.command makes too much sound")
    if await process.wait() or not sound:
        raise Unreachable(f"play.tts.command failed with exit code {process.returncode}")
    return bytes(sound)
