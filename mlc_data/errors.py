"""Errors that a user can act on.

Every error says what was wrong, where, and what to do. The command line shows the message alone,
without a traceback, and exits with the error's exit code.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MlcDataError(Exception):
    """The run cannot continue. Exit code 1."""

    exit_code = 1


class UsageError(MlcDataError):
    """The recipe, an option or a named file is wrong: nothing was started. Exit code 2."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe does not fit its schema."""


class UnknownLanguageError(UsageError):
    """A language code is not a FLORES-200 code, or is ambiguous."""


class SourceError(UsageError):
    """A file of prompts or preference pairs cannot be read. Names the file and the line."""


class ModelError(UsageError):
    """A model is missing, incomplete, or does not know a requested language."""


class DiskFullError(MlcDataError):
    """No space was left on a device while writing."""


class StageTimeoutError(MlcDataError):
    """A stage took longer than `runner.stage_limit`; what was finished is kept."""


class UnusableStepError(MlcDataError):
    """The last saved step of a training is as it was written, but cannot be loaded."""


class StoppedError(MlcDataError):
    """The user asked to stop (Ctrl-C or SIGTERM); what was finished is kept. Exit code 130."""

    exit_code = 130


# Messages of libraries (SQLite, polars, safetensors, torch) about a full disk.
_FULL_DISK_WORDS = (
    "no space left on device",
    "database or disk is full",
    "disk quota exceeded",
    "pytorchstreamwriter failed writing",
    "unexpected pos",
)


@contextmanager
def explain_full_disk(what: str, folder: Path) -> Iterator[None]:
    """Turn a library's error about a full disk into one that says what to do.

    Raises:
        DiskFullError: no space was left while ``what`` was writing to ``folder``.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"no space left on the device while {what!r} was writing to {folder}. Free some and run "
                "again: finished stages are kept, partly written files are removed"
            ) from error
        raise


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether ``error``, or any error that caused it, reports a full disk or an exhausted quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error).lower() for words in _FULL_DISK_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def whole_message(error: BaseException) -> str:
    """Return all lines of an exception's message on one line, or its type where it has none.

    The Hub writes what to do (log in, ask for access, name a configuration) into the last lines.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines) or type(error).__name__


_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN)


def refused_access(error: BaseException | None) -> MlcDataError | None:
    """Return the error to show where the system refused to read or write a file; None where it did not.

    Args:
        error: any error; also those that caused it are looked at.
    """
    while error is not None:
        if isinstance(error, OSError) and (
            error.errno in _REFUSED or isinstance(error, PermissionError)
        ):
            names = [str(name) for name in (error.filename, error.filename2) if name is not None]
            if names:
                reason = error.strerror or "permission denied"
                return MlcDataError(f"cannot use {' and '.join(names)}: {reason.lower()}")
            return MlcDataError(f"a file cannot be read or written: {first_line(error)}")
        error = error.__cause__ or error.__context__
    return None


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
