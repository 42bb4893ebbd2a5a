"""The program that watches over the processes of one training: ``python -m mlc_data.align.agent TASK``.

One of them dies: the others are ended, and the file `Task.failure` names the first.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

from mlc_data.align.launch import Task
from mlc_data.core.files import write_text


def main(task: Task) -> int:
    """Run the training's processes; the exit status is 0 if all of them ended with 0."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=int(task.recipe.align.processes),
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(task.desk / "logs"), redirects=Std.ALL),
    )
    command = ["-P", "-m", "mlc_data.align.worker", str(task.file)]
    try:
        elastic_launch(config, sys.executable)(*command)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        told = {"rank": rank, "exit_status": failure.exitcode}
        write_text(task.failure(), json.dumps(told))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Task.read(Path(sys.argv[1]))))
