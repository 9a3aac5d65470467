"""Writing a file that somebody may kill us in the middle of, and that others write too."""

import errno
import fcntl
import glob
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConfigError
from ..observe.log import fields, get_logger

NEW_MODE = 0o600
"""Of a file that was not there: it will hold passwords."""
LOCK_TIMEOUT = 10.0

_NEW = ".new"
_NO_RENAME = frozenset({errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS})
_log = get_logger("config")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other writer out, those of other processes too, by a lock on the folder of the file.

    Raises `ConfigError` after 10 s. Where the file system has no locks it is only the process's own order that holds.
    """
    folder = Path(os.path.realpath(path)).parent
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"its folder cannot be opened: {error.strerror}", file=path.name) from None
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ConfigError("another process is writing and does not end", file=path.name) from None
                time.sleep(0.01)
                continue
            except OSError as error:
                _log.debug("no lock", extra=fields(error=error.strerror))
            break
        yield
    finally:
        os.close(fd)


def write(path: Path, data: bytes) -> None:
    """Replace the content: whole or not at all, through links, owner and mode kept. To be called in `locked`.

    Where the file cannot be replaced by another (mounted into a container by itself, a folder that is not ours) it is
    written in place after a copy was put beside it, and the log says so. Raises `OSError`.
    """
    target = Path(os.path.realpath(path))
    try:
        _replace(target, data)
    except OSError as error:
        if error.errno not in _NO_RENAME or not target.exists():
            raise
        backup = _back_up(target)
        _log.warning(
            "the file cannot be replaced and is written in place; a copy was made before",
            extra=fields(path=str(path), copy=str(backup), error=error.strerror),
        )
        _overwrite(target, data)


def _replace(target: Path, data: bytes) -> None:
    for stale in target.parent.glob(f".{glob.escape(target.name)}.*{_NEW}"):
        stale.unlink(missing_ok=True)  # of a writer that was killed: nobody else is here
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_NEW, dir=target.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            try:
                known = target.stat()
            except FileNotFoundError:
                os.fchmod(fd, NEW_MODE)
            else:
                if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(fd, known.st_uid, known.st_gid)
                os.fchmod(fd, known.st_mode & 0o7777)
            file.flush()
            os.fsync(fd)
        os.rename(name, target)  # noqa: PTH104  its errno decides what comes next
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some file systems refuse to sync a folder
            os.fsync(folder)
    finally:
        os.close(folder)


def _back_up(target: Path) -> Path:
    """A copy beside the file, or where temporary files go, that only we can read. Raises `OSError`."""
    data = target.read_bytes()
    for folder in (target.parent, Path(tempfile.gettempdir())):
        backup = folder / f"{target.name}.bak"
        with suppress(OSError):
            backup.unlink(missing_ok=True)
            fd = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            return backup
    raise OSError(errno.EROFS, "no place for a copy of the file")


def _overwrite(target: Path, data: bytes) -> None:
    with target.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
