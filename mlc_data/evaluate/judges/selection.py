"""Judges as a recipe names them: checked before the run, identified for keys, and opened."""

from __future__ import annotations

from typing import Any

from mlc_data.core.plugins import JUDGES, create_plugin
from mlc_data.evaluate.judges.base import KEY, Judge
from mlc_data.evaluate.judges.classifier import load_classifier
from mlc_data.evaluate.judges.endpoint import EndpointJudge
from mlc_data.evaluate.judges.guards import load_guard
from mlc_data.evaluate.judges.phrases import RefusalPhrases as ByPhrases
from mlc_data.evaluate.judges.templates import guard_template
from mlc_data.lm.chat import ChatClient
from mlc_data.lm.loading import check_model, identify
from mlc_data.recipe.judges import Classifier, Endpoint, Guard, JudgeSection, RefusalPhrases
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


def open_judge(settings: Guard | Classifier | Endpoint, *, key: str = KEY) -> Judge:
    """Load the model that the recipe names, or open a client of its endpoint.

    Args:
        settings: a judge of the recipe other than ``refusal-phrases``, which has no model.
        key: the recipe's key, named in errors.

    Raises:
        ModelError: a model cannot be loaded, or does not fit the recipe.
        UsageError: a label, the endpoint's address or the variable of its key is wrong.
    """
    if isinstance(settings, Classifier):
        return load_classifier(
            settings.model, key=key, **settings.model_dump(exclude={"kind", "model"})
        )
    template = guard_template(settings.template, settings.controversial or "unsafe")
    if isinstance(settings, Guard):
        of_guard = settings.model_dump(include={"revision", "dtype", "batch_size", "max_length"})
        return load_guard(settings.model, template, key=key, **of_guard)
    of_judge = {"revision", "licence", "batch_size", "max_tokens"}
    client = ChatClient(settings.url, settings.model, key=key, **settings.client)
    return EndpointJudge(client, template, **settings.model_dump(include=of_judge))


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
