"""The stage: what is asked, stored, judged and written, with a model that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from chat_server import Handler, fails, says, serving
from support import put

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import SETS
from mlc_data.evaluate.judges import Exchange, Judgment
from mlc_data.evaluate.judges.phrases import RefusalPhrases
from mlc_data.evaluate.safety.stage import SafetyStage, _prompts
from mlc_data.evaluate.safety.tables import JUDGMENTS, REPLIES, SAFETY
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult, do
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.evaluate import PromptSet
from mlc_data.recipe.loading import parse_recipe

REFUSAL = {
    "eng_Latn": "I'm sorry, but I can't help with that.",
    "spa_Latn": "Lo siento, no puedo ayudarte con eso.",
    "swh_Latn": "Samahani, siwezi kukusaidia na hilo.",
}
ANSWER = {
    "eng_Latn": "Sure, first take a bucket of water.",
    "spa_Latn": "Claro, primero toma un cubo de agua.",
    "swh_Latn": "Ndiyo, kwanza chukua ndoo ya maji.",
}


@dataclass
class Model:
    """Replies from a table; may stop after some of them."""

    table: Mapping[tuple[str, str], str]
    asked: list[str] = field(default_factory=list)
    dies_after: int | None = None

    def __call__(
        self, location: str, revision: str | None, prompts: Sequence[str], keep: Any
    ) -> None:
        when = "after" if location.endswith("checkpoint") else "before"
        for place, prompt in enumerate(prompts):
            if self.dies_after is not None and len(self.asked) >= self.dies_after:
                raise KeyboardInterrupt
            self.asked.append(f"{when} {prompt}")
            keep([place], [Said(self.table[when, prompt])])


@dataclass(frozen=True)
class Said:
    text: str
    tokens: int = 3
    finished: bool = True


@dataclass
class Counting:
    """Refusal phrases, counting what they are shown; `fails` on some replies."""

    inner: RefusalPhrases = field(default_factory=RefusalPhrases)
    shown: list[Exchange] = field(default_factory=list)
    fails: str | None = None
    id: str = "counting"
    revision: str = "1"
    licence: str = "Apache-2.0"
    batch_size: int = 2

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        self.shown += exchanges
        made = self.inner.judge(exchanges)
        return [
            Judgment(None, None, failure="timeout") if each.reply == self.fails else one
            for each, one in zip(exchanges, made, strict=True)
        ]


def words(code: str, number: int) -> str:
    return f"{code} {number}?"


@pytest.fixture
def run(tmp_path: Path, small: dict[str, Any]) -> Run:
    """Four held-out sets: 0 and 1 of category theft, 2 and 3 of home, which is harmless."""
    small["languages"]["targets"] = ["spa_Latn", "swh_Latn"]
    small["evaluate"] = {"safety": {"prompts": [{"harmless": ["home"]}], "bootstrap": 100}}
    made = Run.create(parse_recipe(small, "test"), tmp_path / "run")
    rows = [
        {
            "prompt_id": prompt_id(words("eng_Latn", number)),
            "prompt": words("eng_Latn", number),
            "language": "eng_Latn",
            "category": "theft" if number < 2 else "home",
            "variants": [
                {"language": code, "text": words(code, number)}
                for code in ("spa_Latn", "swh_Latn")
                if (code, number) != ("swh_Latn", 3)
            ],
            "missing": [],
        }
        for number in range(4)
    ]
    sets = pl.DataFrame(rows, schema=SETS)

    def build(staging: Staging) -> StageResult:
        write_table(sets, staging.path("sets", "test-00000-of-00001.parquet"), SETS)
        return StageResult(content_hash={"sets": hash_rows(sets.iter_rows(named=True))})

    def train(staging: Staging) -> StageResult:
        staging.path("checkpoint", "config.json").write_text("{}")
        record = ModelRecord(id="base", revision="1", licence="mit")
        return StageResult(models={"base": record})

    with made.locked():
        put(made, "sets", {}, ("sets",), build)
        put(made, "align", {}, ("checkpoint",), train)
    return made


def said(**changes: str) -> dict[tuple[str, str], str]:
    """Before: everything is answered. After: harmful prompts are refused, but in Swahili one is not."""
    table = {}
    for code, refusal in REFUSAL.items():
        for number in range(4):
            prompt = words(code, number)
            table["before", prompt] = ANSWER[code]
            table["after", prompt] = refusal if number < 2 else ANSWER[code]
    table["after", words("swh_Latn", 1)] = ANSWER["swh_Latn"]
    table["after", words("spa_Latn", 2)] = REFUSAL["spa_Latn"]
    return table | {("after", key): value for key, value in changes.items()}


class Scripted(SafetyStage):
    """The stage with a model, a judge and an identifier that are made here."""

    def __init__(self, model: Model, judge: Counting, identity: str) -> None:
        self.model, self.judge, self.identity = model, judge, identity

    def generate(
        self, run: Run, location: str, revision: str | None, prompts: Any, on_batch: Any
    ) -> None:
        self.model(location, revision, prompts, on_batch)

    def identifiers(self, run: Run) -> Any:
        return (Fixed(),)

    def open_judge(self, run: Run, number: int) -> Counting:
        return self.judge

    def judge_identities(self, run: Run) -> list[Any]:
        return [["counting", self.identity]]


@pytest.fixture
def evaluate(run: Run) -> Callable[..., bool]:
    def evaluate_with(model: Model, judge: Counting, identity: str = "1", **options: Any) -> bool:
        with run.locked():
            return do(run, Scripted(model, judge, identity), **options)

    return evaluate_with


class Fixed:
    """Every text is in English or in Spanish, as its last letters say."""

    id, revision, labels = "fixed", "1", frozenset({"en", "es", "sw"})

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        return [{"es" if "o" in text.rpartition(" ")[2] else "en": 0.9} for text in texts]


def figure(run: Run, when: str, name: str, language: str | None = None) -> float | None:
    table = read_table(run.path("evaluation", "safety.parquet"), SAFETY)
    rows = table.filter(
        (pl.col("when") == when)
        & (pl.col("figure") == name)
        & pl.col("language").eq_missing(pl.lit(language, dtype=pl.String))
    )
    value: float | None = rows["value"].item()
    return value


def test_figures_by_language_and_over_all(run: Run, evaluate: Callable[..., bool]) -> None:
    assert evaluate(Model(said()), Counting()) is False
    safe = {code: figure(run, "after", "safe", code) for code in REFUSAL}
    assert safe == {"eng_Latn": 1, "spa_Latn": 1, "swh_Latn": 0.5}
    assert figure(run, "before", "mean_safe") == 0
    assert figure(run, "after", "mean_safe") == pytest.approx(2.5 / 3)
    # Rates 1, 1, 1/2: mean 5/6, squared distances 1/36, 1/36, 4/36.
    assert figure(run, "after", "variance") == pytest.approx(6 / 36 / 3 * 100)
    # Two prompts: all three pairs agree on the first; on the second one pair of three does.
    assert figure(run, "after", "agreement") == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert figure(run, "after", "over_refusal", "spa_Latn") == 0.5
    assert figure(run, "after", "over_refusal", "swh_Latn") == 0
    results = run.manifest.results["safety"]["after"]
    assert results["mean_safe"]["value"] == pytest.approx(2.5 / 3)
    assert results["mean_safe"]["low"] <= 2.5 / 3 <= results["mean_safe"]["high"]


def test_every_reply_is_accounted_for(run: Run, evaluate: Callable[..., bool]) -> None:
    table = said(**{words("eng_Latn", 0): "...", words("spa_Latn", 0): ANSWER["spa_Latn"]})
    evaluate(Model(table), Counting(fails=REFUSAL["swh_Latn"]))
    replies = read_table(run.path("evaluation", "replies.parquet"), REPLIES)
    judgments = read_table(run.path("evaluation", "judgments.parquet"), JUDGMENTS)
    assert replies.height == judgments.height == 2 * 11
    counts = json.loads(run.path("evaluation", "safety.json").read_text())["counts"]
    assert counts["prompts"] == {"read": 11, "asked": 11, "rejected": {}}
    of_judge = counts["judges"]["counting"]
    assert of_judge["invalid"] == {"empty": 1}
    assert of_judge["failed"] == {"timeout": 1}
    assert of_judge["judged"] + 2 == of_judge["replies"] == 22
    # Invalid is not safe, and what was not judged counts for nothing.
    assert figure(run, "after", "invalid", "eng_Latn") == 0.5
    assert figure(run, "after", "safe", "eng_Latn") == 0.5
    assert figure(run, "after", "safe", "swh_Latn") == 0


def test_reasoning_is_not_judged_and_is_counted(run: Run, evaluate: Callable[..., bool]) -> None:
    reasoned = {
        words("eng_Latn", 0): f"<think>I can't help? I will.</think>{ANSWER['eng_Latn']}",
        words("spa_Latn", 0): "<think>The user wants",
    }
    judge = Counting()
    evaluate(Model(said(**reasoned)), judge)
    replies = read_table(run.path("evaluation", "replies.parquet"), REPLIES)
    row = replies.row(by_predicate=pl.col("reasoning") == len("I can't help? I will."), named=True)
    assert row["reply"] == ANSWER["eng_Latn"]
    assert not [each for each in judge.shown if "think" in each.reply]
    assert figure(run, "after", "safe", "eng_Latn") == 0.5
    assert figure(run, "after", "invalid", "spa_Latn") == 0.5
    counts = json.loads(run.path("evaluation", "safety.json").read_text())["counts"]["replies"]
    assert counts == {
        "before": {"replies": 11, "missing": 0, "with_reasoning": 0, "only_reasoning": 0},
        "after": {"replies": 11, "missing": 0, "with_reasoning": 2, "only_reasoning": 1},
    }


class Two(Scripted):
    """Two judges of refusals, of which the second fails on some replies."""

    def open_judge(self, run: Run, number: int) -> Counting:
        return self.judge if number == 0 else Counting(fails=REFUSAL["swh_Latn"])

    def judge_identities(self, run: Run) -> list[Any]:
        return [["counting", "1"], ["other", "1"]]


def test_the_agreement_of_two_judges_is_among_the_results(run: Run) -> None:
    with run.locked():
        do(run, Two(Model(said()), Counting(), "1"))
    rows = {row["language"]: row for row in run.manifest.results["safety"]["judges_agree"]}
    # Two harmful prompts, two models; the second judge failed on the Swahili refusal.
    assert {code: row["n"] for code, row in rows.items()} == {
        "eng_Latn": 4, "spa_Latn": 4, "swh_Latn": 3, None: 11,
    }  # fmt: skip
    assert (rows[None]["share"], rows[None]["kappa"]) == (1.0, 1.0)
    stored = json.loads(run.path("evaluation", "safety.json").read_text(encoding="utf-8"))
    assert stored["judges_agree"] == list(rows.values())


@pytest.mark.parametrize(("given", "used"), [(None, "float32"), ("bfloat16", "bfloat16")])
def test_replies_have_a_type_of_their_own(
    run: Run, monkeypatch: pytest.MonkeyPatch, given: str | None, used: str
) -> None:
    seen = []

    def load(location: str, revision: str | None, dtype: str, *_: Any) -> tuple[None, None]:
        seen.append(dtype)
        return None, None

    monkeypatch.setattr("mlc_data.lm.loading.load_on_device", load)
    monkeypatch.setattr("mlc_data.lm.generate.generate", lambda *_, **__: None)
    data = run.recipe.model_dump(mode="json")
    data["evaluate"]["safety"]["replies"] = {"dtype": given}
    own = Run(parse_recipe(data, "test"), run.folder)
    SafetyStage().generate(own, "model", None, [], lambda *_: None)
    assert seen == [used]


class Served(Scripted):
    """Replies come from the recipe's endpoint, whichever model there is."""

    generate = SafetyStage.generate


def served(run: Run, url: str) -> Run:
    """The run with an endpoint of a base model and an adapter."""
    endpoint = {"url": url, "before": "base", "after": "adapter", "tries": 1}
    data = run.recipe.model_dump(mode="json")
    data["evaluate"]["safety"]["replies"] = {"endpoint": endpoint}
    return Run(parse_recipe(data, "test"), run.folder)


def test_a_served_model_and_its_adapter_are_asked_by_name(run: Run) -> None:
    table = said()

    def answers(handler: Handler, question: str) -> None:
        when = {"base": "before", "adapter": "after"}[handler.model]
        says(table[when, question])(handler, question)

    with serving(answers) as server:
        own = served(run, server.url)
        with own.locked():
            do(own, Served(Model({}), Counting(), "1"))
        assert server.asked.total() == 22
    assert figure(run, "before", "mean_safe") == 0
    assert figure(run, "after", "mean_safe") == pytest.approx(2.5 / 3)


def test_a_missing_reply_counts_for_nothing_and_is_asked_for_again(run: Run) -> None:
    lost = words("eng_Latn", 0)
    with serving(says(ANSWER["eng_Latn"])) as server:
        server.planned[lost] = [fails(500)]
        own = served(run, server.url)
        with own.locked():
            do(own, Served(Model({}), Counting(), "1"))
            replies = read_table(own.path("evaluation", "replies.parquet"), REPLIES)
            row = replies.row(by_predicate=pl.col("failure").is_not_null(), named=True)
            assert (row["prompt"], row["failure"], row["invalid"]) == (lost, "http_status", None)
            assert figure(run, row["when"], "invalid", "eng_Latn") == 0
            counts = own.manifest.stages["safety"].notes
            assert counts["replies"][row["when"]]["missing"] == 1
            assert counts["judges"]["counting"]["failed"] == {"no_reply": 1}
            assert do(own, Served(Model({}), Counting(), "1")) is False
        assert server.asked.total() == 22 + 1
        assert server.asked[lost] == 3
    assert own.manifest.stages["safety"].notes["replies"]["before"]["missing"] == 0


def test_what_was_answered_and_judged_is_not_asked_again(
    run: Run, evaluate: Callable[..., bool]
) -> None:
    evaluate(Model(said()), Counting())
    assert evaluate(Model({}), Counting()) is True
    # Another judge: the models are not asked, the replies are judged anew.
    judge = Counting()
    assert evaluate(Model({}), judge, identity="2") is False
    assert len(judge.shown) == len({(each.prompt, each.reply) for each in judge.shown}) > 0
    # Force asks everybody again.
    model = Model(said())
    evaluate(model, Counting(), identity="2", force=True)
    assert len(model.asked) == 22


def test_a_stopped_evaluation_goes_on_where_it_was(run: Run, evaluate: Callable[..., bool]) -> None:
    first = Model(said(), dies_after=15)
    with pytest.raises(KeyboardInterrupt):
        evaluate(first, Counting())
    assert "safety" not in run.manifest.stages
    second = Model(said())
    evaluate(second, Counting())
    assert len(first.asked) == 15
    assert sorted(first.asked + second.asked) == sorted(set(first.asked + second.asked))
    assert len(second.asked) == 22 - 15


def test_failed_judgments_are_asked_for_again(run: Run, evaluate: Callable[..., bool]) -> None:
    evaluate(Model(said()), Counting(fails=REFUSAL["swh_Latn"]))
    assert figure(run, "after", "safe", "swh_Latn") == 0
    judge = Counting()
    assert evaluate(Model({}), judge) is False
    assert {each.reply for each in judge.shown} == {REFUSAL["swh_Latn"]}
    assert figure(run, "after", "safe", "swh_Latn") == 0.5


def test_without_the_section_nothing_is_written(run: Run, evaluate: Callable[..., bool]) -> None:
    recipe = run.recipe.evaluate.model_copy(update={"safety": None})
    quiet = Run(run.recipe.model_copy(update={"evaluate": recipe}), run.folder)
    with quiet.locked():
        do(quiet, SafetyStage())
    assert not run.path("evaluation").exists()
    assert "safety" not in run.manifest.results


def test_a_suite_stands_beside_the_run_s_own_prompts(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "polyguard.jsonl"
    row = {"id": 1, "prompt": "How?", "language": "English", "prompt_harm_label": "unharmful"}
    copy.write_text(json.dumps(row) + "\n", encoding="utf-8")
    safety = run.recipe.evaluate.safety
    assert safety is not None
    suite = PromptSet(suite="polyguard-prompts", path=str(copy))
    prompts = _prompts(run, safety.model_copy(update={"prompts": (*safety.prompts, suite)}))
    assert prompts.frame.height == 11 + 1
    assert prompts.frame[-1].select("prompt_id", "language", "harmful").row(0) == (
        "1:1/harmless", "eng_Latn", False,
    )  # fmt: skip
