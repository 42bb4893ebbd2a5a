"""Names of files and folders in a run's folder, and where a named training keeps its own."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

MANIFEST = "manifest.json"
RECIPE = "recipe.yaml"
SUPERSEDED = ".superseded"
"""Folder of records of stages whose inputs changed: used again when their keys fit again."""

STORED_SCORES = ".stored-scores"
"""Folder of scores that external scorers gave to texts: no text is scored twice."""

REVIEW = "review.json"
"""Measures of the checks from people's judgements; the judged rows are in `REVIEW_FOLDER`."""

REVIEW_FOLDER = "review"
"""Folder of samples for review (``sample-<id>``) and of judged rows (``judged-<id>.parquet``)."""

REPORT = "report.html"
"""Report of the run, for people."""

PUBLICATION = "publication.json"
"""Record of what was pushed to the Hub."""

TRAINING_STAGES = ("align", "evaluate", "safety", "utility")
"""Stages that belong to one training: several trainings can exist for one build of sets."""

_OF_TRAINING = ("checkpoint", "training.jsonl", "tensorboard", "evaluation", ".evaluation", REPORT)


def place(name: str, training: str | None) -> str:
    """Return the path within the run's folder of an output named ``name``.

    ``checkpoint`` of the training ``sft`` is ``checkpoints/sft``; its other files are in ``trainings/sft/``.
    Without a training's name, and for outputs of the build, it is ``name`` itself.
    """
    first, *rest = PurePosixPath(name).parts or (name,)
    if training is None or first not in _OF_TRAINING:
        return name
    folder = ("checkpoints", training) if first == "checkpoint" else ("trainings", training, first)
    return PurePosixPath(*folder, *rest).as_posix()


def shards_folder(run: Path, stage: str) -> Path:
    """Return the folder of a stage's shards until the stage is done; see `mlc_data.pipeline.sharding`."""
    return run / f".shards-{stage}"
