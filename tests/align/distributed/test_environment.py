"""Ranks as the environment variables of a launcher describe them."""

from __future__ import annotations

import pytest

from mlc_data.align.distributed.environment import Rank, current_rank
from mlc_data.errors import UsageError

SECOND_MACHINE = {
    "RANK": "9",
    "WORLD_SIZE": "16",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500",
}


def test_rank_is_read_from_the_environment() -> None:
    assert current_rank(SECOND_MACHINE) == Rank(rank=9, world_size=16, local_rank=1)


def test_process_without_launcher_has_no_rank() -> None:
    assert current_rank({"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}) is None


def test_launch_of_one_process_is_none() -> None:
    assert current_rank({**SECOND_MACHINE, "WORLD_SIZE": "1", "RANK": "0"}) is None


def test_missing_variable_is_named() -> None:
    environment = {name: value for name, value in SECOND_MACHINE.items() if name != "LOCAL_RANK"}
    with pytest.raises(UsageError, match="but LOCAL_RANK is not a number"):
        current_rank(environment)


def test_variable_must_be_a_number() -> None:
    with pytest.raises(UsageError, match="but RANK is not a number"):
        current_rank({**SECOND_MACHINE, "RANK": "a"})
