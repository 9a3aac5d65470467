"""The credentials that a stranger must bring, and the pause between wrong ones."""

from typing import override

from ...config.trust import Throttle
from ...protocols.http_auth import Verdict
from ...protocols.rtsp_server import Guard


class Door(Guard):
    """One connection's `guard`. Attempts that come from its `peer` too soon behind wrong ones are refused unseen."""

    def __init__(self, guard: Guard, throttle: Throttle, peer: str) -> None:
        self._guard, self._throttle, self._peer = guard, throttle, peer
        self._passed = False

    @override
    def challenge(self, now: float, *, stale: bool = False) -> list[str]:
        return self._guard.challenge(now, stale=stale)

    @override
    def verify(self, authorization: str, method: str, now: float) -> Verdict:
        if authorization and not self._passed and self._throttle.delay(self._peer, now) != 0:
            return Verdict.WRONG
        verdict = self._guard.verify(authorization, method, now)
        if verdict is Verdict.WRONG:
            self._throttle.failed(self._peer, now)
        elif verdict is Verdict.OK and not self._passed:
            self._passed = True  # whoever guesses from the same address costs this connection nothing
            self._throttle.succeeded(self._peer)
        return verdict
