"""Judges as a recipe names them: checked before the run, identified for keys, and opened."""

from __future__ import annotations

from typing import Any

from mlc_data.core.plugins import JUDGES, create_plugin
from mlc_data.evaluate.judges.base import Judge
from mlc_data.evaluate.judges.opening import open_judge
from mlc_data.evaluate.judges.phrases import RefusalPhrases as ByPhrases
from mlc_data.lm.loading import check_model, identify
from mlc_data.recipe.judges import Endpoint, JudgeSection, RefusalPhrases
from mlc_data.recipe.judges import Judge as JudgeSettings

VERSION = 1
"""Version of the judgments: raise it when a judge reads or words its questions differently."""


def load_judge(settings: JudgeSettings, key: str) -> Judge:
    """Return the judge that a recipe's ``key`` names, ready to judge."""
    if isinstance(settings, RefusalPhrases):
        return ByPhrases()
    if isinstance(settings, JudgeSection):
        judge: Judge = create_plugin(settings.kind, JUDGES, key, Judge, settings)
        return judge
    return open_judge(settings, key=key)


def identify_judge(settings: JudgeSettings, key: str) -> list[Any]:
    """Return the judge's name and all that determines its judgments, without loading it."""
    if isinstance(settings, RefusalPhrases):
        return [settings.kind, ByPhrases().revision]
    if isinstance(settings, JudgeSection):
        judge = load_judge(settings, key)
        return [judge.id, settings.model_dump(mode="json"), judge.revision]
    values = settings.model_dump(mode="json", exclude={"batch_size", "at_once", "timeout", "tries"})
    if isinstance(settings, Endpoint):
        return [settings.model, values, VERSION]
    _, record = identify(settings.model, settings.revision, f"{key}.model")
    return [settings.model, values, record.revision, VERSION]


def check_judge(settings: JudgeSettings, key: str) -> None:
    """Check that the judge's model or the endpoint's key is there.

    Raises:
        ModelError: the model is missing.
        UsageError: the endpoint's address or key is wrong.
    """
    if isinstance(settings, RefusalPhrases):
        return
    if isinstance(settings, JudgeSection):
        load_judge(settings, key)
        return
    if isinstance(settings, Endpoint):
        open_judge(settings, key=key)
        return
    check_model(settings.model, settings.revision, f"{key}.model")
