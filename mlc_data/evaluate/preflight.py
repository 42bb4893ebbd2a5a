"""The evaluation of a run: its stages know no models, checks and loss; here they are given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mlc_data.core.hashing import code_version
from mlc_data.errors import ModelError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.judges import Endpoint, RefusalPhrases
from mlc_data.recipe.judges import Judge as JudgeSettings
from mlc_data.recipe.recipe import Recipe

if TYPE_CHECKING:
    from mlc_data.evaluate.judges import Judge
    from mlc_data.evaluate.safety.stage import Keep
    from mlc_data.evaluate.safety.validity import Reading

JUDGES = "evaluate.safety.judges"


def preflight(recipe: Recipe) -> None:
    """Look for what the evaluation needs, before anything is done for it.

    Raises:
        UsageError: prompts, text, the harness or an endpoint's key are missing.
        ModelError: a judge's model is missing.
    """
    from mlc_data.core.paths import source_file
    from mlc_data.evaluate.utility import check_harness

    utility, safety = recipe.evaluate.utility, recipe.evaluate.safety
    check_harness(utility)
    if utility.text:
        source_file(utility.text, "evaluate.utility.text")
    if safety is None:
        return
    for number, prompts in enumerate(safety.prompts):
        if prompts.path:
            source_file(prompts.path, f"evaluate.safety.prompts[{number}].path")
    for number, judge in enumerate(safety.judges):
        _check_judge(judge, f"{JUDGES}[{number}]")


def evaluate_consistency(run: Run, *, force: bool = False) -> bool:
    """The stage `evaluate`: hidden states of held-out variant sets. Returns whether it was reused."""
    from mlc_data.align.stage import with_layer
    from mlc_data.consistency.encode import encode_location, plain_loss
    from mlc_data.evaluate.representations import evaluate

    recipe = run.recipe
    aligned = run.manifest.stages.get("align")
    settings = recipe.align
    if aligned is not None and "layer" in aligned.notes:
        settings = with_layer(settings, aligned.notes["layer"])

    def encode(
        location: str,
        rows: Sequence[Mapping[str, Any]],
        languages: Sequence[str],
        revision: str | None,
    ) -> tuple[Any, Any]:
        return encode_location(
            location,
            rows,
            languages,
            settings,
            batch_size=recipe.evaluate.batch_size,
            revision=revision,
        )

    return evaluate(run, encode=encode, loss=plain_loss(recipe.align.loss), force=force)


def evaluate_safety(run: Run, *, force: bool = False) -> bool:
    """The stage `safety`: replies and judgments. Returns whether it was reused."""
    from mlc_data.evaluate.safety.stage import judge_safety

    recipe = run.recipe
    settings = recipe.evaluate.safety

    def speak(location: str, revision: str | None, prompts: Sequence[str], keep: Keep) -> None:
        from mlc_data.lm.generate import generate_at

        assert settings is not None
        generate_at(
            location,
            revision,
            prompts,
            keep,
            dtype=recipe.align.dtype,
            max_new_tokens=settings.max_new_tokens,
            batch_size=settings.batch_size,
        )

    named = settings.judges if settings else ()
    keys = [f"{JUDGES}[{number}]" for number in range(len(named))]
    return judge_safety(
        run,
        speak=speak,
        reading=lambda: _reading(recipe),
        judges=[partial(_open, one, key) for one, key in zip(named, keys, strict=True)],
        identities=[_identity(one, key) for one, key in zip(named, keys, strict=True)],
        reader=_reader(recipe) if settings else None,
        force=force,
    )


def evaluate_utility(run: Run, *, force: bool = False) -> bool:
    """The stage `utility`: perplexity and tasks. Returns whether it was reused."""
    from mlc_data.evaluate.utility import measure_utility

    def measure(location: str, revision: str | None, texts: Sequence[str]) -> Any:
        from mlc_data.lm.perplexity import perplexity_at

        return perplexity_at(location, revision, texts, dtype=run.recipe.align.dtype)

    def run_tasks(
        location: str, revision: str | None, tasks: Sequence[str], limit: int | None
    ) -> dict[str, dict[str, float]]:
        from mlc_data.lm.harness import run_tasks_at

        return run_tasks_at(location, revision, tasks, limit, dtype=run.recipe.align.dtype)

    return measure_utility(run, measure=measure, run_tasks=run_tasks, force=force)


def _reading(recipe: Recipe) -> Reading:
    from mlc_data.evaluate.safety.validity import Reading
    from mlc_data.language_id.base import labels_of
    from mlc_data.language_id.loading import load_identifiers
    from mlc_data.languages.flores import get_language
    from mlc_data.text.loops import looping_share

    identifiers = load_identifiers(recipe.checks.language_identifiers)
    return Reading(
        identifiers=identifiers,
        labels=lambda code, number: labels_of(get_language(code), identifiers[number]),
        looping=lambda texts, spaced: looping_share(texts, spaced=spaced),
    )


def _reader(recipe: Recipe) -> list[Any]:
    """What `_reading` gives, for keys."""
    from mlc_data.language_id.loading import load_identifiers

    identifiers = load_identifiers(recipe.checks.language_identifiers)
    code = code_version("checks/loops.py", "checks/spans.py", "checks/labels.py")
    return [[one.id, one.revision] for one in identifiers] + [code]


def _open(settings: JudgeSettings, key: str) -> Judge:
    from mlc_data.evaluate.judges import open_judge
    from mlc_data.evaluate.judges.phrases import RefusalPhrases as ByPhrases
    from mlc_data.lm.loading import load_model

    if isinstance(settings, RefusalPhrases):
        return ByPhrases()
    return open_judge(settings, load=load_model, key=key)


def _identity(settings: JudgeSettings, key: str) -> list[Any]:
    """The judge's name and all that decides its judgments, known without loading it."""
    from mlc_data.evaluate.judges.phrases import RefusalPhrases as ByPhrases
    from mlc_data.lm.loading import identify

    code = code_version("evaluate/judges")
    dumped = settings.model_dump(mode="json", exclude={"batch_size", "at_once", "timeout", "tries"})
    if isinstance(settings, RefusalPhrases):
        return [settings.kind, ByPhrases().revision]
    if isinstance(settings, Endpoint):
        return [settings.model, dumped, code]
    _, record = identify(settings.model, settings.revision, f"{key}.model")
    return [settings.model, dumped, record.revision, code]


def _check_judge(settings: JudgeSettings, key: str) -> None:
    from mlc_data.evaluate.judges import open_judge
    from mlc_data.lm.loading import check_model

    if isinstance(settings, RefusalPhrases):
        return
    if isinstance(settings, Endpoint):
        open_judge(settings, load=_no_model, key=key)
        return
    check_model(settings.model, settings.revision, f"{key}.model")


def _no_model(*_: Any, **__: Any) -> Any:
    raise ModelError("an endpoint loads no model")
