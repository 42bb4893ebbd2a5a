"""The ladder, rung by rung, with scripted engines; `tests/quickstart` climbs it with the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from support import StubTranslator

from mlc_data.core.records import FailureReason
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.rescue import stage as rescue
from mlc_data.translate import stage
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request

PLAIN = "How do I bake bread?"
LOOPS = "This one loops at first."
VAGUE = "This one is vague at first."
HARD = "Only the other model knows this."
LONG = "I would like to bake some bread for my friends, and I have no oven at home today."
GLYPHS = "Nobody knows these glyphs."
PROMPTS = (PLAIN, LOOPS, VAGUE, HARD, LONG, GLYPHS)
MOST_CHARACTERS = 50


class Scripted(StubTranslator):
    """Fails in a way of its own with each of the prompts above."""

    def __init__(self, name: str = "scripted") -> None:
        super().__init__()
        self.id = name
        self.calls: list[tuple[str, Decoding | None, int]] = []

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        self.calls.append((self.id, decoding, len(requests)))
        made = [self._made(request, decoding or self.decoding) for request in requests]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        self.calls.append((self.id, decoding, len(requests)))
        return [
            [self._made(request, decoding)] * (decoding.num_hypotheses - 1) + [self._one(request)]
            for request in requests
        ]

    def _made(self, request: Request, decoding: Decoding) -> Hypothesis:
        if request.target == "eng_Latn":
            return self._one(request)
        if len(request.text) > MOST_CHARACTERS:
            return Hypothesis(None, None, 0.0, FailureReason.SEGMENT_TOO_LONG)
        if request.text == GLYPHS:
            return Hypothesis("[swh_Latn] glyphs", -0.1, 0.9)
        if request.text == LOOPS and not decoding.no_repeat_ngram_size:
            return Hypothesis(f"[swh_Latn] {LOOPS}" + " at first" * 9, -0.1, 0.0)
        if request.text in (VAGUE, HARD) and self.id == "scripted":
            return Hypothesis("[swh_Latn] Something quite different.", -0.1, 0.0)
        return super()._one(request)

    def _one(self, request: Request) -> Hypothesis:
        if request.text == HARD and self.id == "scripted":
            return Hypothesis("[swh_Latn] Something quite different.", -0.1, 0.0)
        return super()._one(request)


OFF = ("residue", "script", "language_id", "copied", "length", "preserved")


@pytest.fixture
def climbed(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Run, list[Scripted]]]:
    """A run of the prompts above up to the verdicts, and its engines."""

    def make(**settings: Any) -> tuple[Run, list[Scripted]]:
        engines = [Scripted(), Scripted("other")]
        monkeypatch.setattr(stage, "load_translator", lambda settings: engines[0])
        monkeypatch.setattr(
            rescue, "load_translator", lambda chosen: engines[chosen.model == "other"]
        )
        run = make_run(
            [{"prompt": prompt} for prompt in PROMPTS],
            languages={"targets": ["swh_Latn"]},
            checks={"language_identifiers": [], **{name: {"enabled": False} for name in OFF}},
            rescue=settings,
        )
        run_stages(run, "check")
        return run, engines

    return make


WHOLE = {"rungs": ["split", "search", "nbest", "model"], "model": {"model": "other"}}


def test_each_rung_saves_what_it_can(climbed: Callable[..., Any]) -> None:
    run, _ = climbed(**WHOLE)
    kept = pl.read_parquet(run.path("variants", "variants.parquet"))
    assert dict(kept.select("source", "rung").iter_rows()) == {
        PLAIN: "first",
        LOOPS: "search",
        VAGUE: "nbest",
        HARD: "model",
        LONG: "split",
    }
    texts = dict(kept.select("source", "text").iter_rows())
    assert texts[VAGUE] == f"[swh_Latn] {VAGUE}"
    assert texts[LONG].replace("[swh_Latn] ", "") == LONG
    assert kept["back_translation"].to_list() == kept["source"].to_list()
    aside = pl.read_parquet(run.path("rejected", "variants.parquet"))
    assert aside.select("source", "rung", "reason").rows() == [(GLYPHS, "first", "unknown")]


def test_attempts_and_costs_are_on_record(climbed: Callable[..., Any]) -> None:
    run, engines = climbed(**WHOLE)
    attempts = pl.read_parquet(run.path("rescue", "attempts.parquet"))
    rungs = run.manifest.stages["rescue"].notes["rungs"]
    assert {name: (cost["tried"], cost["saved"]) for name, cost in rungs.items()} == {
        "split": (1, 1),
        "search": (3, 1),
        "nbest": (2, 1),
        "model": (2, 1),
    }
    assert attempts.height == sum(cost["tried"] for cost in rungs.values())
    counts = run.manifest.counts.variants
    assert counts is not None
    assert (counts.requested, counts.kept, counts.rejected) == (6, 5, {"unknown": 1})
    assert run.manifest.stages["check"].notes["rungs"] == {
        "first": 1, "model": 1, "nbest": 1, "search": 1, "split": 1,
    }  # fmt: skip
    assert run.manifest.models["second_translator"].id == "other"
    # What the model does not know is not asked of it again; the second model is asked for the rest.
    asked = attempts.filter(pl.col("source") == GLYPHS)["rung"].to_list()
    assert asked == ["model"]
    decodings = [decoding for _, decoding, _ in engines[0].calls if decoding]
    assert {one.num_hypotheses for one in decodings} == {1, 6}
    assert any(one.no_repeat_ngram_size > 0 for one in decodings)


def test_the_checks_choose_among_candidates(climbed: Callable[..., Any]) -> None:
    run, _ = climbed(rungs=["candidates"])
    kept = pl.read_parquet(run.path("variants", "variants.parquet"))
    texts = dict(kept.filter(pl.col("rung") == "candidates").select("source", "text").iter_rows())
    assert texts[VAGUE] == f"[swh_Latn] {VAGUE}"


def test_without_a_ladder_nothing_is_tried(climbed: Callable[..., Any]) -> None:
    run, engines = climbed(rungs=[])
    counts = run.manifest.counts.variants
    assert counts is not None
    assert counts.kept == 1
    assert counts.failed == {"segment_too_long": 1}
    assert pl.read_parquet(run.path("rescue", "attempts.parquet")).is_empty()
    assert not [call for call in engines[0].calls if call[1]]


def test_a_second_walk_climbs_no_more(climbed: Callable[..., Any]) -> None:
    run, engines = climbed(**WHOLE)
    asked = sum(len(engine.calls) for engine in engines)
    assert all(run_stages(run, "check").values())
    assert sum(len(engine.calls) for engine in engines) == asked
    before = run.manifest.content_hash
    assert not all(run_stages(run, "rescue", force=True).values())
    run_stages(run, "check")
    assert run.manifest.content_hash == before


def test_other_thresholds_judge_the_attempts_again_without_an_engine(
    climbed: Callable[..., Any],
) -> None:
    run, engines = climbed(**WHOLE)
    asked = sum(len(engine.calls) for engine in engines)
    recipe = run.recipe.model_dump(mode="json")
    for check in ("coverage", "duplicate", "intent", "repetition", "round_trip"):
        recipe["checks"][check]["enabled"] = False
    looser = Run.create(parse_recipe(recipe, "test"), run.folder)
    run_stages(looser, "check")
    assert sum(len(engine.calls) for engine in engines) == asked
    kept = pl.read_parquet(looser.path("variants", "variants.parquet"))
    assert dict(kept.select("source", "rung").iter_rows())[VAGUE] == "first"
    assert dict(kept.select("source", "rung").iter_rows())[LONG] == "split"
