"""Sound out of files, addresses and bytes, by libavformat. Loads av; every call blocks and belongs in a thread."""

import io
from array import array
from collections.abc import Iterator
from typing import BinaryIO

import av
from av.container import InputContainer

from ...errors import Unreachable, Unsupported
from ...transcode.resample import Resampler, form_of
from .material import Material

RATE = 48_000
CHUNK = 4_800
"""Samples, mono, that are handed on at once."""
TIMEOUT = 8.0
"""Seconds that a server may take to answer, and to send more."""
_OPTIONS = {
    "protocol_whitelist": "http,https,tcp,tls,crypto",
    "user_agent": "go2py",
    "multiple_requests": "1",
}
"""A playlist from outside must not name files of ours. Without keep-alive libav takes the regular end of a response
in chunks, as of every text that Home Assistant speaks, for a broken connection."""


class Reading:
    """One material, opened. `duration` in seconds, 0 where it has no end or nobody knows."""

    def __init__(self, material: Material) -> None:
        """Raises `Unreachable`, `Unsupported`."""
        self._title = material.title
        self._file: BinaryIO | None = None
        try:
            if not material.url:
                self._file = material.file.open("rb") if material.file else io.BytesIO(material.data)
            self._container: InputContainer = (
                av.open(material.url, "r", timeout=TIMEOUT, options=_OPTIONS)
                if self._file is None
                else av.open(self._file, "r", options={"protocol_whitelist": ""})
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            self._close_file()
            raise _translated(error, self._title) from error
        audio = self._container.streams.best("audio")
        if audio is None:
            self.close()
            raise Unsupported(f"{self._title}: there is no sound in it")
        self._stream = audio
        self.duration = (self._container.duration or 0) / 1_000_000

    def chunks(self) -> Iterator[array[int]]:
        """Samples, signed 16 bit, mono, at `RATE`, `CHUNK` at a time, the last fewer. What is corrupt is passed over.

        Raises `Unreachable` when the server stops answering.
        """
        resampler: Resampler | None = None
        rest, at = array("h"), 0.0
        for frame in self._frames():
            if resampler is None or resampler.form != form_of(frame):
                if resampler is not None:
                    rest.frombytes(resampler.drain())
                resampler, at = Resampler(form_of(frame), RATE, 1), 0.0
            rest.frombytes(resampler.push(frame, at))
            at += frame.samples / frame.sample_rate
            while len(rest) >= CHUNK:
                yield rest[:CHUNK]
                del rest[:CHUNK]
        if resampler is not None:
            rest.frombytes(resampler.drain())
        if rest:
            yield rest

    def _frames(self) -> Iterator[av.AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    decoded = packet.decode()
                except av.error.InvalidDataError:
                    continue
                for frame in decoded:
                    if isinstance(frame, av.AudioFrame) and frame.samples:
                        yield frame
        except av.error.InvalidDataError, av.error.EOFError:
            return  # a torso: what there was has been played
        except (av.FFmpegError, OSError) as error:
            raise _translated(error, self._title) from error

    def close(self) -> None:
        self._container.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()


def _translated(error: Exception, title: str) -> Unreachable | Unsupported:
    """libav's error in words that help."""
    if isinstance(error, av.error.InvalidDataError | av.error.DemuxerNotFoundError | av.error.DecoderNotFoundError):
        return Unsupported(f"{title} is no sound that can be read")
    reason = None if isinstance(error, av.error.ExitError) else getattr(error, "strerror", None)
    return Unreachable(f"{title} cannot be fetched: {reason or 'no answer'}")
