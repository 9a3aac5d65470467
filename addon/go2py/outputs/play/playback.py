"""One sound on its way into cameras, whatever it comes from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from ...streams.talk.talk import Talk
from ...streams.talk.voice import Voice

MAX_VOLUME = 4.0


class Playback(ABC):
    """Plays into `talks`, by the names of their streams. `volume` is a factor. `run` ends with the sound or `stop`.

    `on_news` is called when `to_json` would tell something new that time does not.
    """

    duration = 0.0
    """Seconds; 0 where there is no end or nobody knows it."""

    def __init__(self, talks: Mapping[str, Talk], title: str, *, volume: float = 1.0, priority: int = 0) -> None:
        self.talks = dict(talks)
        self.title = title
        self.volume = volume
        self.voices: dict[str, Voice] = {}
        self.state = "starting"
        self.reason = ""
        self.on_news: Callable[[], None] | None = None
        self._priority = priority

    @abstractmethod
    async def begin(self) -> None:
        """Get ready; back when at least one camera listens. Raises `Go2pyError` why none does."""

    @abstractmethod
    async def run(self) -> None:
        """Play to the end. Raises `Go2pyError` what broke it."""

    @property
    def position(self) -> float:
        """Seconds since the beginning."""
        return 0.0

    def leave(self, name: str) -> None:
        """Go on without one of the cameras."""
        self.talks.pop(name, None)
        if (voice := self.voices.pop(name, None)) is not None:
            voice.close()

    def close(self) -> None:
        """Let go of everything; safe to call more than once."""
        for name in tuple(self.talks):
            self.leave(name)

    def to_json(self) -> dict[str, object]:
        return {
            "state": self.state,
            "title": self.title,
            "position": round(self.position, 1),
            "duration": round(self.duration, 1),
            "volume": round(self.volume, 2),
            **({"reason": self.reason} if self.reason else {}),
        }

    def tell(self, state: str, reason: str = "") -> None:
        self.state, self.reason = state, reason
        if self.on_news is not None:
            self.on_news()
