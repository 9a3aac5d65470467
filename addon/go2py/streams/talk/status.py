"""How talk with a camera stands, as users, the API and events are told."""

from dataclasses import dataclass
from typing import Literal

State = Literal["idle", "opening", "talking", "busy", "refused"]


@dataclass(frozen=True, slots=True)
class Status:
    """Of a camera: `by` speaks now. Of one voice: `busy` means that another one is heard instead (`by`), `idle` that
    nothing is being said.

    `reason` is a sentence where the state is busy or refused. `level` is the loudness of what is said, 0 to 1 over
    60 dB. `packets` were handed to the camera since it was opened.
    """

    state: State = "idle"
    reason: str = ""
    level: float = 0.0
    by: str = ""
    packets: int = 0

    def to_json(self) -> dict[str, object]:
        return {
            "state": self.state,
            "reason": self.reason,
            "level": round(self.level, 2),
            "by": self.by,
            "packets": self.packets,
        }
