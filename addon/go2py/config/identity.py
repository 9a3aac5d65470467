"""Which gateway this is: a name for machines that outlives addresses, ports and passwords."""

import uuid
from pathlib import Path

from ..observe.log import get_logger

IDENTITY_FILE = "go2py.id"
_log = get_logger("config")


def identity(folder: Path | None) -> str:
    """32 hexadecimal digits, kept in `folder` from the first start on; empty where nothing can be kept."""
    if folder is None:
        return ""
    path = folder / IDENTITY_FILE
    for _ in range(2):
        try:
            return uuid.UUID(path.read_text("ascii").strip()).hex
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            _log.warning("%s cannot be read (%s): delete it, and a new one is made", path, error)
            return ""
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(f"{uuid.uuid4().hex}\n")
        except FileExistsError:  # another process was faster
            continue
        except OSError as error:
            _log.warning("%s cannot be written (%s): the gateway has no identity", path, error)
            return ""
    return ""
