"""A source that is changed while it is read: nothing is taken over, and the next run reads it anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlc_data.errors import MlcDataError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.sources import stage

ROWS = [{"prompt": "How do I bake bread?"}]


def test_it_is_refused(make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(ROWS)
    (source,) = run.recipe.sources.prompts.paths
    real = stage.PromptReader

    def read(*given: Any, **named: Any) -> Any:
        with Path(source).open("a", encoding="utf-8") as file:
            file.write('{"prompt": "How do I wash a cat?"}\n')
        return real(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "PromptReader", read)
        with pytest.raises(MlcDataError, match="was changed while it was at work"):
            run_stage(run, "sources")
    assert "sources" not in run.manifest.stages
    run_stage(run, "sources")
    assert run.manifest.counts.prompts is not None
    assert run.manifest.counts.prompts.kept == 2
