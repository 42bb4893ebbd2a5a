"""A training as its ranks receive it, and the folder through which its result comes back."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import BaseModel

from mlc_data.align.distributed.environment import Rank
from mlc_data.align.saved_steps import last_complete
from mlc_data.errors import UsageError
from mlc_data.recipe.recipe import Recipe

STOP_FILE = "stop"  # in `Task.launch_dir`: spawned ranks stop after their current step
RESUME = "The last saved step is kept: run the same command again to resume"


class Task(BaseModel, frozen=True):
    """A training that several ranks run together.

    Attributes:
        run: the run's folder, with sets and preference pairs.
        recipe: the run's recipe; its ``align.processes`` and ``align.loss.layer`` are numbers.
        revision: commit of the model on the Hub.
        folder: folder of the training checkpoints.
        tensorboard: folder of TensorBoard's event files.
        launch_id: different for each launch.
    """

    run: Path
    recipe: Recipe
    revision: str | None
    folder: Path
    tensorboard: Path
    launch_id: str

    @property
    def launch_dir(self) -> Path:
        """Folder of the result, the ranks' output and their error files."""
        return self.folder / "launch"

    @property
    def shared_fs_marker(self) -> Path:
        """Marker file that proves all machines mount the same run folder."""
        return self.launch_dir / "shared-fs-marker"

    def check_shared_folder(self, rank: Rank, seconds: float = 180) -> None:
        """Wait until this machine sees what rank 0 sees, which a shared file system may delay.

        Raises:
            UsageError: it does not see it after ``seconds``.
        """
        deadline, marker = time.monotonic() + seconds, self.shared_fs_marker
        while not marker.is_file() or marker.read_text(encoding="utf-8") != self.state():
            if time.monotonic() > deadline:
                raise UsageError(
                    f"{rank} does not see in {self.folder} what rank 0 wrote there: all machines must mount the "
                    "run's folder under the same path, on a shared file system"
                )
            time.sleep(0.5)

    def state(self) -> str:
        """Return the launch and the step that it resumes from, as this machine sees them."""
        saved = last_complete(self.folder)
        return f"{self.launch_id} {saved.name if saved else 'from the start'}"
