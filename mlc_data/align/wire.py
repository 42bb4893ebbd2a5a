"""What launched processes tell each other besides gradients: the task, errors, that they are alive.

It lies in the store (torch's TCPStore) in which they also agree on their process group. The store lives and
dies with the launch, so nothing of an earlier one can be read by mistake.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from mlc_data import errors
from mlc_data.errors import MlcDataError
from mlc_data.launcher import Launch

log = logging.getLogger(__name__)

_BEAT = 0.5
"""Seconds between two looks at the store."""

_MEETING = 600
"""Seconds that a process waits for the others to be started."""

_SILENCE = 120
"""Seconds without a word after which a process counts as dead, or the store as gone."""

_PATIENCE = 5
"""Seconds that a training has to notice itself that another process ended, before it is ended."""

_FAREWELL = 15
"""Seconds that the first process waits for the others at the end, and a failed one for the first."""

_BROKEN = ("gloo", "nccl", "connection closed", "connection reset", "broken pipe")
"""What torch says, in lower case, when it is the other end that is gone."""

GO_ON = "The last saved step is kept: launch the same command again to go on from there"


_Heard = dict[int, tuple[bytes, float]]
"""The last word of each process, and when it was first read."""


@dataclass(frozen=True)
class Failure:
    """How a launch failed, as the first process that did so told it, or another one of it.

    ``rank`` is that process's number; None where the store is gone, so that nobody tells.
    """

    rank: int | None
    kind: str
    message: str

    @property
    def error(self) -> MlcDataError:
        """The error to raise for it."""
        kind: type[MlcDataError] = getattr(errors, self.kind)
        return kind(self.message)


class Wire:
    """One process's connection to the others of its launch.

    A thread looks at the store, so that a process that hangs in the midst of a step, because another one
    ended, is ended too.
    """

    def __init__(self, launch: Launch, store: Any) -> None:
        self.launch = launch
        self.failure: Failure | None = None
        self._store = store
        self._training = False
        self._failed = False
        self._closed = threading.Event()
        self._answered = time.monotonic()
        self._heard: _Heard = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def tell(self, key: str, value: Any = True) -> None:
        """Leave a value for the others."""
        self._store.set(key, json.dumps(value))

    def told(self, key: str) -> Any:
        """The value that was left; None if there is none yet."""
        return json.loads(self._store.get(key)) if self._store.check([key]) else None

    def wait(self, look: Callable[[], Any], seconds: float | None = None) -> Any:
        """What ``look`` gives as soon as it is true; None after so many seconds, or once the launch has failed.

        A store that no longer answers is a failure, found by the thread.
        """
        limit = None if seconds is None else time.monotonic() + seconds
        while not self._store_is_silent():
            try:
                if found := look():
                    return found
            except RuntimeError:  # as the thread will find too
                self._closed.wait(2 * _BEAT)
            if self.failure or (limit is not None and time.monotonic() > limit):
                return None
            self._closed.wait(_BEAT)
        return None

    def fail(self, error: BaseException) -> bool:
        """Tell the others of an error, unless another one was first; whether the first process heard of it."""
        self._failed = True
        kind, message = type(error).__name__, str(error)
        if isinstance(error, KeyboardInterrupt):
            kind, message = "StoppedError", f"{self.launch} (counted from 0) was stopped"
        elif not isinstance(error, MlcDataError):
            message = f"{self.launch} (counted from 0) ended with {kind}: {error}"
            kind = "MlcDataError"
        try:
            self._report(Failure(self.launch.rank, kind, message))
        except RuntimeError:
            return False
        if self.launch.rank == 0:
            return True
        limit = time.monotonic() + _FAREWELL
        try:
            while not (heard := bool(self.told("heard"))) and time.monotonic() < limit:
                time.sleep(_BEAT)
        except RuntimeError:  # it has ended since
            return self.failure is not None and self.failure.rank is not None
        return heard

    @contextmanager
    def training(self) -> Iterator[None]:
        """While all are busy with the training.

        Raises:
            MlcDataError: another process failed or died, in place of torch's words for it.
        """
        self._training = True
        try:
            yield
        except MlcDataError:
            raise
        except Exception as error:
            self._training = False
            if not _is_broken(error):
                raise
            # Whoever failed first tells why, perhaps a moment later.
            self.wait(lambda: None, _PATIENCE)
            raise (self.failure or self._broken()).error from error
        finally:
            self._training = False

    def close(self) -> None:
        """Take leave: the first process, where the store may be, goes last."""
        try:
            self.tell(f"ended/{self.launch.rank}")
            if self.launch.rank == 0:
                self.tell("heard")
                self._let_others_leave()
        except RuntimeError:
            log.debug("the store was gone at the end", exc_info=True)
        self._closed.set()

    def _report(self, failure: Failure) -> None:
        """The first failure that is told is the one that counts."""
        self._store.compare_set("failed", "", json.dumps(asdict(failure)))

    def _watch(self) -> None:
        beat = 0
        while not self._closed.wait(_BEAT) and self.failure is None:
            beat += 1
            try:
                self._store.set(f"alive/{self.launch.rank}", str(beat))
                if (told := self.told("failed")) is not None:
                    self.failure = Failure(**told)
                elif self.launch.rank == 0 and beat % 20 == 0:
                    self._look_for_silent()
            except RuntimeError:
                self.failure = self._gone()
            self._answered = time.monotonic()
        if self.failure and not self._failed:
            self._end(self.failure)

    def _end(self, failure: Failure) -> None:
        """End a training that does not end by itself."""
        limit = time.monotonic() + _PATIENCE
        while self._training and time.monotonic() < limit:
            time.sleep(_BEAT / 5)
        if not self._training:
            return
        if self.launch.speaks or failure.rank is None:
            log.error("%s", failure.message)
        try:
            self.close()
        finally:
            # The main thread waits for others within torch, and no exception reaches it there.
            logging.shutdown()
            os._exit(failure.error.exit_code)

    def _let_others_leave(self) -> None:
        limit = time.monotonic() + _FAREWELL
        here = set(range(1, self.launch.size))
        heard: _Heard = {}
        while here and time.monotonic() < limit:
            here = {rank for rank in here if self._silence(rank, heard) < _PATIENCE}
            time.sleep(_BEAT / 5)

    def _look_for_silent(self) -> None:
        """Report a process that was killed, or whose machine is gone: it cannot do so itself."""
        for rank in range(1, self.launch.size):
            if _SILENCE < self._silence(rank, self._heard) < math.inf:
                silent = (
                    f"nothing has been heard of process {rank} of {self.launch.size} (counted from 0) for {_SILENCE} "
                    f"seconds: it was killed, or its machine is gone. {GO_ON}"
                )
                self._report(Failure(rank, "MlcDataError", silent))

    def _silence(self, rank: int, heard: _Heard) -> float:
        """Seconds since a process was last heard of, as ``heard`` knows; infinite if it took its leave."""
        if self._store.check([f"ended/{rank}"]):
            return math.inf
        alive, moment = f"alive/{rank}", time.monotonic()
        word = self._store.get(alive) if self._store.check([alive]) else b""
        before, since = heard.get(rank, (None, moment))
        if word != before:
            heard[rank] = word, moment
            return 0
        return moment - since

    def _store_is_silent(self) -> bool:
        if self.failure is None and time.monotonic() - self._answered > _SILENCE:
            self.failure = self._gone()
        return self.failure is not None and self.failure.rank is None

    def _gone(self) -> Failure:
        return Failure(
            None,
            "MlcDataError",
            f"{self.launch} (counted from 0): the first process, or the launcher beside it, no longer answers at "
            f"{self.launch.address}; its own log tells why. {GO_ON}",
        )

    def _broken(self) -> Failure:
        return Failure(
            None,
            "MlcDataError",
            f"{self.launch} (counted from 0) lost the connection to another one in the midst of the training: that "
            f"one was killed, perhaps because memory ran out, or its machine is gone. {GO_ON}",
        )


@contextmanager
def connected(launch: Launch) -> Iterator[Wire]:
    """Meet the other processes of the launch.

    Raises:
        MlcDataError: they cannot be reached.
    """
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    try:
        store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=_MEETING)))
    except RuntimeError as error:
        raise MlcDataError(
            f"{launch} (counted from 0) could not meet the others at {launch.address} within {_MEETING} seconds: see "
            f"whether all were started, and whether that port can be reached. {str(error).splitlines()[0]}"
        ) from error
    wire = Wire(launch, PrefixStore("mlc-data", store))
    try:
        yield wire
    finally:
        wire.close()


def _is_broken(error: Exception) -> bool:
    from torch.distributed import DistBackendError, DistNetworkError

    if isinstance(error, DistBackendError | DistNetworkError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in _BROKEN)
