"""One connection to a source to see what it has, without making a stream of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ProtocolError, SourceError, Unreachable
from ..media.codec import Codec
from ..media.unit import AccessUnit
from .intake import Intake
from .signal import Signal
from .source import Offer, Source, SourceSpec
from .track import Track

OPEN_SECONDS = 10.0
PICTURE_SECONDS = 8.0
"""For the first key picture, from the connection on."""
RATE_SECONDS = 1.0
"""After it, to see how many come."""
_ENOUGH = 8
_GOP_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What a source offers; of the first video `fps` (0: unknown) and the key picture, if one came.

    `problem` is what went wrong after it had answered.
    """

    offers: Sequence[Offer]
    video: Codec | None
    audio: Codec | None
    fps: float = 0.0
    key: AccessUnit | None = None
    problem: SourceError | None = None


async def try_source(spec: SourceSpec) -> Tried:
    """Connect, wait for a picture, and close whatever happens. Raises `SourceError` if it does not answer at all."""
    source = spec.create()
    try:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                offers = tuple(await source.open())
        except TimeoutError:
            raise Unreachable(f"{spec.url}: no answer within {OPEN_SECONDS:g} s") from None
        except ProtocolError as error:
            raise SourceError(str(error)) from error
        return await _look(source, offers, spec)
    finally:
        await source.close()


async def _look(source: Source, offers: Sequence[Offer], spec: SourceSpec) -> Tried:
    first: dict[str, int] = {}
    for index, offer in enumerate(offers):
        if offer.direction == "recvonly":
            first.setdefault(offer.kind, index)
    audio = offers[first["audio"]].codecs[0] if "audio" in first else None
    if "video" not in first:
        return Tried(offers, None, audio)
    track = Track(offers[first["video"]].codecs[0], _GOP_BYTES)
    problem = await _watch(source, first["video"], track, spec)
    fps = 1 / track.interval if track.interval > 0 else 0.0
    return Tried(offers, track.codec, audio, fps, track.gop.key, problem)


async def _watch(source: Source, offer: int, track: Track, spec: SourceSpec) -> SourceError | None:
    """Play until enough was seen; what went wrong."""
    intake = Intake(spec.url.masked)
    intake.connect({offer: (track, track.codec)}, asyncio.get_running_loop().time())
    arrival = Signal()
    track.subscribe(lambda _track, _units: arrival.notify())
    playing = asyncio.ensure_future(source.play(frozenset((offer,)), intake))
    try:
        async with asyncio.timeout(PICTURE_SECONDS) as limit:
            while track.units < _ENOUGH:
                waiting = asyncio.ensure_future(arrival.wait())
                await asyncio.wait({playing, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if playing.done():
                    playing.result()
                    return Unreachable(f"{spec.url}: the camera closed the connection") if not track.units else None
                if track.units == 1:
                    limit.reschedule(asyncio.get_running_loop().time() + RATE_SECONDS)
    except TimeoutError:
        return None if track.units else Unreachable(f"{spec.url}: no picture within {PICTURE_SECONDS:g} s")
    except SourceError as error:
        return error
    except ProtocolError as error:
        return SourceError(str(error))
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return None
