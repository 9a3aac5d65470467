"""Who of several talkers is heard: a pure decision, asked anew for every frame."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...config.settings import Policy

TURN = 1.5
"""Seconds of silence after which a talker has given the floor away."""


@dataclass(slots=True)
class Claim:
    """One talker: when it began its turn and when it was last heard, None while it has no turn."""

    voice: int
    priority: int
    began: float | None = None
    heard: float = 0.0

    def listen(self, speaks: bool, now: float) -> None:
        """Note whether it speaks in this moment."""
        if speaks:
            if self.began is None:
                self.began = now
            self.heard = now
        elif self.began is not None and now - self.heard > TURN:
            self.began = None


def audible(claims: Iterable[Claim], policy: Policy) -> frozenset[int]:
    """The voices that the camera gets: of those who have a turn the ones with the highest priority, among these all
    (`mix`), the one who began last (`latest`) or first (`first`)."""
    turns = [claim for claim in claims if claim.began is not None]
    if not turns:
        return frozenset()
    highest = max(claim.priority for claim in turns)
    turns = [claim for claim in turns if claim.priority == highest]
    if policy == "mix":
        return frozenset(claim.voice for claim in turns)
    choose = max if policy == "latest" else min
    return frozenset({choose(turns, key=lambda claim: (claim.began or 0.0, claim.voice)).voice})
