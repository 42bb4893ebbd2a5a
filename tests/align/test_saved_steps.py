"""A saved step that was harmed is not gone on from: the training begins before it, and ends with the same weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from alignment_fixtures import alignable_run
from launch_sandbox import weights
from safetensors.torch import load_file, save_file
from support import SMALL
from torch.testing import assert_close
from trl import DPOTrainer

from mlc_data.align import align
from mlc_data.align.saved_steps import last_complete, loading, remove_damaged
from mlc_data.core.seals import SEAL_FILE, seal
from mlc_data.errors import MlcDataError, StoppedError
from mlc_data.pipeline.run import Run

FILES = (
    "adapter_model.safetensors", "consistency_loss.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt",
    "trainer_state.json",
)  # fmt: skip


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


HARMS: dict[str, Callable[[Path], Any]] = {
    "flipped": flip,
    "empty": lambda file: file.write_bytes(b""),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "gone": Path.unlink,
}
SEALS: dict[str, str] = {
    "of an earlier version": "4\n",
    "empty": "",
    "no object": "[]",
    "no checksums": "{}",
    "cut": '{"optimizer.pt": "12',
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with two sealed steps."""
    for step in (2, 4):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        for name in FILES:
            (checkpoint / name).write_bytes(f"{name} {step}".encode())
        seal(checkpoint)
    return tmp_path


def test_whole_steps_stay(saved: Path) -> None:
    remove_damaged(saved)
    assert last_complete(saved) == saved / "checkpoint-4"


@pytest.mark.parametrize("how", HARMS)
@pytest.mark.parametrize("name", FILES)
def test_a_harmed_file_is_noticed(saved: Path, name: str, how: str) -> None:
    HARMS[how](saved / "checkpoint-4" / name)
    remove_damaged(saved)
    assert last_complete(saved) == saved / "checkpoint-2"
    assert not (saved / "checkpoint-4").exists()


@pytest.mark.parametrize("kind", SEALS)
def test_so_is_a_harmed_seal(saved: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    (saved / "checkpoint-4" / SEAL_FILE).write_text(SEALS[kind])
    remove_damaged(saved)
    assert last_complete(saved) == saved / "checkpoint-2"
    assert "checkpoint-4 is not used" in caplog.text


def test_a_step_without_seal_is_removed(saved: Path) -> None:
    (saved / "checkpoint-4" / SEAL_FILE).unlink()
    remove_damaged(saved)
    assert not (saved / "checkpoint-4").exists()


def test_the_seal_holds_every_file(saved: Path) -> None:
    sealed = json.loads((saved / "checkpoint-2" / SEAL_FILE).read_text())
    assert set(sealed) == set(FILES)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> Run:
    """A training that failed after its fourth step, which is saved."""
    run = alignable_run(
        tmp_path_factory.mktemp("stopped"), tiny_for_all, deepcopy(SMALL), save_every=2
    )
    step = DPOTrainer.training_step

    def failing(self: Any, *given: Any, **named: Any) -> Any:
        if self.state.global_step == 5:
            raise MlcDataError("power loss")
        return step(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DPOTrainer, "training_step", failing)
        with pytest.raises(MlcDataError, match="power loss"):
            align(run)
    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> Run:
    run = alignable_run(
        tmp_path_factory.mktemp("whole"), tiny_for_all, deepcopy(SMALL), save_every=2
    )
    align(run)
    return run


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("adapter_model.safetensors", "flipped"),
        ("optimizer.pt", "gone"),
        ("rng_state.pth", "gone"),
        ("optimizer.pt", "empty"),
        ("trainer_state.json", "cut"),
    ],
)
def test_a_harmed_training_ends_with_the_same_weights(
    stopped: Run, undisturbed: Run, tmp_path: Path, name: str, how: str
) -> None:
    run = Run(stopped.recipe, shutil.copytree(stopped.folder, tmp_path / "run"))
    (checkpoint,) = run.folder.glob(".training-*/checkpoint-4")
    HARMS[how](checkpoint / name)
    align(run)
    assert run.manifest.stages["align"].notes["resumed_from"] == 0
    assert_close(weights(run.folder), weights(undisturbed.folder), rtol=0, atol=0)


def _of_another_shape(file: Path) -> None:
    save_file({name: value[:-1].clone() for name, value in load_file(file).items()}, file)


UNUSABLE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "no optimizer": ("optimizer.pt", lambda file: file.write_bytes(b"from another library")),
    "weights of another shape": ("adapter_model.safetensors", _of_another_shape),
    "no extractor": ("consistency_loss.safetensors", Path.unlink),
    "no state": ("trainer_state.json", lambda file: file.write_text("{")),
}


@pytest.mark.integration
@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_step_that_fits_its_seal_and_cannot_be_loaded_is_given_up(
    stopped: Run, undisturbed: Run, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(stopped.recipe, shutil.copytree(stopped.folder, tmp_path / "run"))
    (checkpoint,) = run.folder.glob(".training-*/checkpoint-4")
    name, harm = UNUSABLE[kind]
    harm(checkpoint / name)
    seal(checkpoint)
    align(run)
    assert "checkpoint-4 cannot be loaded" in caplog.text
    assert run.manifest.stages["align"].notes["resumed_from"] == 0
    assert_close(weights(run.folder), weights(undisturbed.folder), rtol=0, atol=0)


FAULTS_OF_OTHERS = (
    MemoryError(),
    RuntimeError("CUDA out of memory"),
    PermissionError(13, "Permission denied"),
    OSError(28, "No space left on device"),
    StoppedError("stopped"),
)


@pytest.mark.parametrize("error", FAULTS_OF_OTHERS, ids=str)
def test_a_step_is_not_blamed_for_the_machine(saved: Path, error: Exception) -> None:
    with pytest.raises(type(error)), loading(saved / "checkpoint-4", lambda: False):
        raise error


def test_nor_for_what_happens_after_it_was_loaded(saved: Path) -> None:
    with pytest.raises(KeyError), loading(saved / "checkpoint-4", lambda: True):
        raise KeyError("a column")
