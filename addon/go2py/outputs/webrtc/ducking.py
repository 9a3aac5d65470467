"""While somebody talks to a camera that has no echo cancelling, what this talker hears of it is lowered."""

import asyncio
from collections.abc import Sequence

from ...config.settings import Duck
from ...streams.derived import Derivation, derive
from .group import SenderGroup, group_for
from .sender import TrackSender

TAIL = 0.3
"""Seconds for which the camera's ear is still full after the last word."""
SOFT = 10 ** (-18 / 20)


class _Lowered:
    """One sender that gets its sound from a quieter copy of its track."""

    def __init__(self, sender: TrackSender) -> None:
        self._sender = sender
        self._loud: SenderGroup = sender.group
        track = self._loud.track
        self._copy: Derivation = derive(track, track.codec, gain=SOFT)
        self._quiet = group_for(self._copy.track, self._loud.form, like=self._loud)
        sender.switch(self._quiet)

    def end(self) -> None:
        self._sender.switch(self._loud)
        self._quiet.release()
        self._copy.release()


class Ducking:
    """Lowers or mutes the sound on its way to one viewer, who is the talker."""

    def __init__(self, senders: Sequence[TrackSender]) -> None:
        self._senders = tuple(sender for sender in senders if not sender.video)
        self._lowered: list[_Lowered] = []
        self._talking = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def active(self) -> bool:
        """Whether anything is lowered or muted."""
        return bool(self._lowered) or any(sender.muted for sender in self._senders)

    def update(self, duck: Duck, *, talking: bool) -> None:
        """The viewer began or ended to talk."""
        if talking == self._talking:
            return
        self._talking = talking
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if talking:
            self._begin(duck)
        else:
            self._timer = asyncio.get_running_loop().call_later(TAIL, self._end)

    def close(self) -> None:
        """Leave everything as it was; safe to call more than once."""
        if self._timer is not None:
            self._timer.cancel()
        self._end()

    def _begin(self, duck: Duck) -> None:
        if duck == "hard":
            for sender in self._senders:
                sender.muted = True
        elif duck == "soft" and not self._lowered:
            self._lowered = [_Lowered(sender) for sender in self._senders]

    def _end(self) -> None:
        self._timer = None
        lowered, self._lowered = self._lowered, []
        for one in lowered:
            one.end()
        for sender in self._senders:
            sender.muted = False
