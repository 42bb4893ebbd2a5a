"""What a launcher's environment says."""

from __future__ import annotations

import pytest

from mlc_data import launcher
from mlc_data.errors import UsageError
from mlc_data.launcher import Launch, check_accelerate, found

SECOND = {
    "RANK": "9",
    "WORLD_SIZE": "16",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "8",
    "MASTER_ADDR": "node0",
    "MASTER_PORT": "29500",
}


def test_who_this_process_is() -> None:
    assert found({}) is None
    assert found({**SECOND, "WORLD_SIZE": "1", "RANK": "0"}) is None
    assert found({"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}) is None
    launch = found(SECOND)
    assert launch == Launch(9, 16, 1, 8, "node0:29500")
    assert not launch.speaks
    told = {name: value for name, value in SECOND.items() if name != "LOCAL_RANK"}
    with pytest.raises(UsageError, match="LOCAL_RANK or MASTER_PORT is not set"):
        found(told)
    with pytest.raises(UsageError, match="RANK is 'a' in the environment"):
        found({**SECOND, "RANK": "a"})
    with pytest.raises(UsageError, match="RANK is 16 and WORLD_SIZE 16"):
        found({**SECOND, "RANK": "16"})


def test_a_command_that_all_would_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher.refuse("run")
    monkeypatch.setattr(launcher, "found", lambda: found(SECOND))
    with pytest.raises(UsageError, match="`mlc-data run` was launched 16 times"):
        launcher.refuse("run")


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, "align.sharding"),
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DEEPSPEED"),
        ({"ACCELERATE_MIXED_PRECISION": "fp16"}, "--mixed_precision fp16"),
        ({"ACCELERATE_MIXED_PRECISION": "bf16"}, "align.dtype is 'float32'"),
        ({"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"}, "--dynamo_backend no"),
    ],
)
def test_the_recipe_decides_not_accelerate(told: dict[str, str], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        check_accelerate("none", "float32", told)
    plain = {"ACCELERATE_MIXED_PRECISION": "no", "ACCELERATE_DYNAMO_BACKEND": "NO"}
    check_accelerate("none", "float32", plain)
    check_accelerate("none", "bfloat16", {"ACCELERATE_MIXED_PRECISION": "bf16"})
