"""Opening the judge that a recipe names."""

from __future__ import annotations

from mlc_data.evaluate.judges.base import KEY, Judge
from mlc_data.evaluate.judges.classifier import load_classifier
from mlc_data.evaluate.judges.endpoint import EndpointJudge
from mlc_data.evaluate.judges.guards import load_guard
from mlc_data.evaluate.judges.templates import guard_template
from mlc_data.lm.chat import ChatClient
from mlc_data.recipe.judges import Classifier, Endpoint, Guard


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
        return load_guard(
            settings.model,
            template,
            revision=settings.revision,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            max_length=settings.max_length,
            key=key,
        )
    client = ChatClient(
        settings.url,
        settings.model,
        key_variable=settings.key_variable,
        at_once=settings.at_once,
        timeout=settings.timeout,
        tries=settings.tries,
        longest_wait=settings.longest_wait,
        key=key,
    )
    return EndpointJudge(
        client,
        template,
        revision=settings.revision,
        licence=settings.licence,
        batch_size=settings.batch_size,
        max_tokens=settings.max_tokens,
    )
