"""What `scale.py` builds from: prompts, an engine that answers at once, and tables that are made without it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.checks.run_limits import LIMITS
from mlc_data.checks.scoring import prepare, reasons, score_names, score_rows
from mlc_data.checks.stage import ScoreStage, decided_by, recipe_checks
from mlc_data.checks.tables import LIMITS_FILE, ROWS_AT_ONCE, SCORES, files, scores_of, translated
from mlc_data.checks.verdicts import ATTEMPTS, attempts_schema, judge, scores_schema
from mlc_data.core.parquet import TableWriter, read_parts, read_table
from mlc_data.core.records import KEYS, SEGMENT, TRANSLATIONS, Status
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import load_recipe
from mlc_data.rescue import stage as rescuing
from mlc_data.rescue.stage import RescueStage
from mlc_data.rescue.strategies import RescueStrategy
from mlc_data.translate import stage as translation
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request
from mlc_data.translate.stage import TranslateStage
from mlc_data.translate.texts import texts_of

ENDINGS = {
    "spa_Latn": "ado", "fra_Latn": "eux", "deu_Latn": "ung", "ita_Latn": "ezza", "por_Latn": "inho",
    "nld_Latn": "heid", "swh_Latn": "wani", "ind_Latn": "nya", "tur_Latn": "lik", "ron_Latn": "iune",
}  # fmt: skip
"""Target languages; a word of the stub's text is the English word backwards with this ending."""
FAULTY = 50
"""One text in so many lacks its second half, so that rescue and rejection have something to do."""


class Backwards:
    """Translator that spells words backwards, and can be read back exactly."""

    id, revision, licence = "backwards", "1", "Apache-2.0"
    languages = frozenset({"eng_Latn", *ENDINGS})

    def __init__(self) -> None:
        self.settings: dict[str, object] = {"engine": "backwards-1"}
        self.decoding = Decoding()

    def part(self, source: str, target: str) -> Backwards:
        """Return itself."""
        return self

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """Return every word backwards."""
        made = [self._one(request, decoding is None) for request in requests]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """Return the same text as often as is asked for."""
        return [[self._one(each, False)] * decoding.num_hypotheses for each in requests]

    def _one(self, request: Request, first: bool) -> Hypothesis:
        words = request.text.split(" ")
        if request.target == "eng_Latn":
            ending = ENDINGS[request.source]
            return Hypothesis(" ".join(_back(word, ending) for word in words), -0.1, 0.0)
        ending = ENDINGS[request.target]
        if first and sum(map(ord, request.text)) % FAULTY == 0:
            words = words[: len(words) // 2]
        return Hypothesis(" ".join(_forth(word, ending) for word in words), -0.1, 0.0)


def _forth(word: str, ending: str) -> str:
    core = word.rstrip("?.!")
    return f"{core[::-1]}{ending}{word[len(core) :]}" if core.isalpha() else word


def _back(word: str, ending: str) -> str:
    core = word.rstrip("?.!")
    return f"{core.removesuffix(ending)[::-1]}{word[len(core) :]}" if core.isalpha() else word


def prompts(size: int, seed: int = 7) -> Iterator[str]:
    """Yield so many different prompts of ten to fourteen English words."""
    chance = random.Random(seed)
    text = (resources.files("mlc_data") / "text" / "data" / "english.txt").read_text("utf-8")
    words = sorted(word for word in text.split() if word.isalpha() and 3 < len(word) < 9)
    for _ in range(size):
        yield f"How do I make {' '.join(chance.choices(words, k=chance.randint(6, 10)))}?"


def write_prompts(path: Path, texts: Sequence[str] | Iterator[str]) -> None:
    """Write a source of prompts, JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"prompt": text}) + "\n" for text in texts)


def stub_run(folder: Path) -> Run:
    """Return a run of the prompts in a folder, with the stub for its engine; without the encoder and identifiers."""
    translation.load_translator = rescuing.load_translator = lambda _: Backwards()
    recipe = load_recipe(
        "quickstart",
        [
            f"sources.prompts.path={folder / 'prompts.jsonl'}", "sources.preferences=null",
            f"languages.targets=[{','.join(ENDINGS)}]", f"translate.cache={folder / 'cache'}",
            "runner.workers=1", "checks.language_identifiers=[]", "checks.meaning.encoder=null",
        ],
    )  # fmt: skip
    return Run.create(recipe, folder / "run")


def make_tables() -> None:
    """Let the stages `translate`, `score` and `rescue` write tables of the usual form that nothing was computed for.

    Texts are whole prompts, backwards; scores those of the first part, again and again; attempts all pass.
    """
    TranslateStage.work = _translations  # type: ignore[method-assign]
    ScoreStage.work = _scores  # type: ignore[method-assign]
    RescueStage.work = _attempts  # type: ignore[method-assign]


def _translations(stage: TranslateStage, run: Run, staging: Staging) -> StageResult:
    languages = pl.DataFrame({"language": list(ENDINGS), "ending": list(ENDINGS.values())})
    source, back = pl.col("prompt"), pl.col("back_translation")
    whole = pl.col("prompt_id").str.slice(0, 4).str.to_integer(base=16) % FAULTY > 0
    half = source.str.head(source.str.len_chars() // 2)
    segment = pl.struct(
        source=source, text="text", log_prob=pl.lit(-0.1), unknown_share=pl.lit(0.0),
        cached=pl.lit(False), back=back,
    ).cast(SEGMENT)  # fmt: skip
    for number, part in enumerate(texts_of(run).iter_slices(run.recipe.translate.shard_prompts)):
        rows = part.join(languages, how="cross", maintain_order="left")
        rows = rows.with_columns(back_translation=pl.when(whole).then(source).otherwise(half))
        rows = rows.with_columns(text=pl.concat_str(back.str.reverse(), "ending"))
        rows = rows.with_columns(
            source=source, failure=pl.lit(None, pl.String), segments=pl.concat_list(segment)
        )
        with TableWriter(
            staging.path("translations", f"part-{number:05d}.parquet"), TRANSLATIONS
        ) as writer:
            writer.write(rows.select(list(TRANSLATIONS)))
    return StageResult(content_hash={"translations": f"made of {run.content_hash('prompts')}"})


def _scores(stage: ScoreStage, run: Run, staging: Staging) -> StageResult:
    checks = recipe_checks(run.recipe)
    schema = scores_schema(score_names(checks))
    first = translated(read_table(files(run)[0], TRANSLATIONS).head(ROWS_AT_ONCE))
    known = score_rows(prepare(checks, lambda: iter([first])), first).drop(list(KEYS))
    with TableWriter(staging.path(LIMITS_FILE), LIMITS):
        pass
    with TableWriter(staging.path(SCORES), schema) as writer:
        for rows in _all_keys(run):
            writer.write(pl.concat([rows, known.head(rows.height)], how="horizontal"))
    return StageResult(content_hash={"scores": "made"})


def _attempts(stage: RescueStage, run: Run, staging: Staging) -> StageResult:
    checks = recipe_checks(decided_by(run))
    names = score_names(checks)
    schema: dict[str, Any] = attempts_schema(names)
    scores = pl.scan_parquet(run.path(SCORES), glob=False).head(ROWS_AT_ONCE)
    good = scores.filter(reasons(checks).list.len() == 0).select(names).head(1).collect()
    begun = 0
    with TableWriter(staging.path(ATTEMPTS), schema) as writer:
        for file in files(run):
            for rows, some in scores_of(run, names, file, begun):
                begun += some.height
                tried = judge(rows, some, checks).filter(pl.col("status") != Status.KEPT)
                tried = tried.drop(names).join(good, how="cross", maintain_order="left")
                tried = tried.with_columns(
                    segments=pl.lit([], TRANSLATIONS["segments"]),
                    rung=pl.lit(str(RescueStrategy.SPLIT)),
                )
                writer.write(tried.select(list(schema)))
    return StageResult(content_hash={"attempts": "made"}, notes={"rungs": {}})


def _all_keys(run: Run) -> Iterator[pl.DataFrame]:
    for file in files(run):
        yield from read_parts(file, KEYS, ROWS_AT_ONCE)
