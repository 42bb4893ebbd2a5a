"""No training prompt is a copy of an evaluation prompt."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import write_jsonl

from mlc_data.errors import RecipeError, SourceError
from mlc_data.execute import preflight, run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.sources import Decontaminate
from mlc_data.sources.decontaminate import EvaluationSet, open_evaluations


def load_sources(run: Run, *, force: bool = False) -> bool:
    return run_stage(run, "sources", force=force)


DOING = [
    "bake",
    "repair",
    "paint",
    "clean",
    "build",
    "plant",
    "sell",
    "borrow",
    "measure",
    "photograph",
    "translate",
    "explain",
]
THINGS = [
    "bread",
    "bicycles",
    "fences",
    "windows",
    "tables",
    "tomatoes",
    "furniture",
    "books",
    "rooms",
    "birds",
    "letters",
    "rainbows",
    "roofs",
    "candles",
    "carpets",
    "pianos",
    "lamps",
    "kites",
    "shoes",
    "clocks",
]
WHERE = [
    "at home",
    "in winter",
    "for a friend",
    "without tools",
    "on a small budget",
    "in one afternoon",
]
EVALUATION = [
    "Explain step by step how the old lighthouse keepers kept their lamps burning through the night.",
    "What should a young sailor know about knots before the first voyage across the ocean?",
    "Who painted the ceiling of the chapel?",
    "Tell me more",
    "List seven reasons why the northern villages were left by their people after the long drought of "
    "that century, and give a source for each of the reasons.",
]


def unrelated(number: int) -> list[str]:
    every = [
        f"How can I {doing} {thing} {where}, and what does it cost?"
        for doing in DOING
        for thing in THINGS
        for where in WHERE
    ]
    return random.Random(1).sample(every, number)


PLANTED = {
    EVALUATION[0]: "the same words",
    "explain, step by step: HOW the old light\u00adhouse keepers kept their lamps burning through the "
    "night": "the same words",
    "Explain step by step how the old lighthouse keepers kept their fires burning through the night.": (
        "% of the words"
    ),
    "Who painted the ceiling of the church?": "% of the words",
    f"You are a poet. Answer in rhyme. {EVALUATION[1]} Do not use more than ten lines.": (
        "100% of the runs of words"
    ),
    f"I visited Rome. {EVALUATION[2]} I forgot.": "100% of the runs of words",
    "tell  me MORE!": "the same words",
    EVALUATION[4].replace("seven", "eight").replace("drought", "famine")
    + " "
    + "Thank you. " * 6: ("% of the runs of words"),
    "the northern villages were left by their people after the long drought": "% of the runs",
}


def planted_run(make_run: Callable[..., Run], path: Path, texts: list[str], **more: Any) -> Run:
    return make_run(
        [{"prompt": text} for text in texts],
        sources={
            "prompts": {"path": str(path.parent / "prompts.jsonl")},
            "decontaminate": [{"path": str(path), **more}],
        },
        checks={"language_identifiers": []},
    )


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "eval.jsonl", [{"prompt": text} for text in EVALUATION])


def test_copies_are_found_among_a_thousand_prompts(
    make_run: Callable[..., Run], evaluation: Path
) -> None:
    texts = unrelated(1000)
    for number, text in enumerate(PLANTED):
        texts.insert(number * 100, text)
    run = planted_run(make_run, evaluation, texts)
    load_sources(run)
    counts = run.manifest.counts.prompts
    assert counts is not None
    assert counts.model_dump() == {
        "read": 1000 + len(PLANTED), "kept": 1000, "rejected": {"contaminated": len(PLANTED)},
    }  # fmt: skip
    aside = pl.read_parquet(run.path("rejected", "prompts.parquet"))
    assert aside["prompt"].to_list() == list(PLANTED)
    assert aside["row"].to_list() == [number * 100 + 1 for number in range(len(PLANTED))]
    for told, detail in zip(PLANTED.values(), aside["detail"], strict=True):
        assert detail.startswith(f"of {evaluation} row ")
        assert told in detail
    assert "row 1: the same words" in aside["detail"][0]


@pytest.mark.parametrize(
    "text",
    [
        "Tell me more about Roman ceilings",
        "Who painted the chapel?",
        "What should a young sailor know before he goes home?",
        "How do lighthouses work?",
        "?",
    ],
)
def test_what_is_no_copy(evaluation: Path, text: str, small: dict[str, Any]) -> None:
    small["sources"]["decontaminate"] = [{"path": str(evaluation)}]
    (one,) = open_evaluations(parse_recipe(small, "test").sources, "eng_Latn")
    assert one.copied(text.lower().strip("?").split()) is None


def test_every_text_with_enough_words_in_common_is_found() -> None:
    chance = random.Random(2)
    texts = {
        row: [chance.choice("abcdefghijkl") for _ in range(chance.randint(1, 12))]
        for row in range(1, 200)
    }
    one = EvaluationSet.of(Decontaminate(path="x", ngram=100, max_words=0.8), {}, texts)
    for _ in range(300):
        text = [chance.choice("abcdefghijkl") for _ in range(chance.randint(1, 12))]
        shares = [2 * _common(text, other) / (len(text) + len(other)) for other in texts.values()]
        found = [share for _, share in one._shared_words(text)]
        assert found == ([max(shares)] if max(shares) >= 0.8 else [])


def _common(one: list[str], other: list[str]) -> int:
    left = list(other)
    return sum(1 for word in one if word in left and not left.remove(word))  # type: ignore[func-returns-value]


@pytest.mark.parametrize("name", ["e.csv", "e.parquet"])
def test_other_kinds_of_files_and_columns(
    make_run: Callable[..., Run], tmp_path: Path, name: str
) -> None:
    frame = pl.DataFrame({"question": EVALUATION})
    path = tmp_path / name
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    texts = [EVALUATION[1], *unrelated(3)]
    run = planted_run(make_run, path, texts, column="question")
    load_sources(run)
    assert run.manifest.counts.prompts is not None
    assert run.manifest.counts.prompts.rejected == {"contaminated": 1}


def test_pairs_are_trained_on_too(
    make_run: Callable[..., Run], evaluation: Path, tmp_path: Path
) -> None:
    made = [EVALUATION[0], *unrelated(2)]
    pairs = write_jsonl(
        tmp_path / "pairs.jsonl",
        [{"prompt": text, "chosen": "Yes.", "rejected": "No."} for text in made],
    )
    run = planted_run(make_run, evaluation, unrelated(2))
    data = run.recipe.model_dump(mode="json")
    data["sources"]["preferences"] = {"path": str(pairs)}
    run = Run.create(parse_recipe(data, "test"), tmp_path / "with-pairs")
    load_sources(run)
    counts = run.manifest.counts.preferences
    assert counts is not None
    assert (counts.read, counts.kept, counts.rejected) == (3, 2, {"contaminated": 1})
    aside = pl.read_parquet(run.path("rejected", "preferences.parquet"))
    assert aside["row"].to_list() == [1]


def test_a_changed_evaluation_set_is_looked_at_again(
    make_run: Callable[..., Run], evaluation: Path
) -> None:
    texts = unrelated(5)
    run = planted_run(make_run, evaluation, texts)
    assert load_sources(run) is False
    assert load_sources(run) is True
    write_jsonl(evaluation, [{"prompt": texts[0]}])
    assert load_sources(run) is False
    assert run.manifest.counts.prompts is not None
    assert run.manifest.counts.prompts.rejected == {"contaminated": 1}


@pytest.mark.parametrize(
    ("content", "column", "told"),
    [
        (None, "prompt", r"sources\.decontaminate\.0\.path: .* does not exist"),
        (b'{"text": "Hello"}\n', "prompt", r"has no column 'prompt'; it has: text"),
        (b'{"prompt": ""}\n{"prompt": 3}\n', "prompt", "none of the 2 rows"),
        (b"", "prompt", "none of the 0 rows"),
    ],
)
def test_what_cannot_be_compared_with_stops_the_run_before_it_starts(
    make_run: Callable[..., Run], evaluation: Path, content: bytes | None, column: str, told: str
) -> None:
    evaluation.unlink()
    if content is not None:
        evaluation.write_bytes(content)
    run = planted_run(make_run, evaluation, unrelated(2), column=column)
    with pytest.raises(SourceError, match=told) as caught:
        preflight(run, ("sources",))
    assert caught.value.exit_code == 2


def test_unknown_keys_and_values_out_of_range(small: dict[str, Any]) -> None:
    small["sources"]["decontaminate"] = [{"path": "x", "max_shares": 1}]
    with pytest.raises(RecipeError, match="did you mean 'max_share'"):
        parse_recipe(small, "test")
    small["sources"]["decontaminate"] = [{"path": "x", "ngram": 1}]
    with pytest.raises(RecipeError, match="ngram"):
        parse_recipe(small, "test")


def test_hostile_rows(make_run: Callable[..., Run], tmp_path: Path) -> None:
    path = tmp_path / "eval.jsonl"
    path.write_bytes(
        b'{"prompt": "lone \\ud800 surrogate"}\n{oops\n\n[1]\n{"prompt": "\xff"}\n'
        b'{"prompt": "???"}\n{"prompt": "' + b"word " * 20000 + b'"}\n'
    )
    texts = ["???", "word word word word word word word word", *unrelated(3), "\u200d", "%s" * 40]
    run = planted_run(make_run, path, texts)
    load_sources(run)
    assert run.manifest.counts.prompts is not None
    assert run.manifest.counts.prompts.rejected == {"contaminated": 1, "empty": 1, "no_words": 2}
