"""Texts that are translated besides the prompts: earlier turns, and responses where the recipe asks for them.

Each distinct text is translated once, scored and decided like a prompt, under an id of its own. They come after the
prompts in every table of variants.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core.hashing import PROMPT_ID_LENGTH, hash_value
from mlc_data.core.parquet import read_parquet, read_parts, read_table, scan_parquet
from mlc_data.core.records import PREFERENCES, PROMPTS
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe
from mlc_data.sources.fields import has_words

TEXTS: dict[str, pl.DataType] = {"prompt_id": pl.String(), "prompt": pl.String()}
"""Texts to translate, with their ids."""
_CONTEXT: dict[str, pl.DataType] = {"prompt_id": pl.String(), "context": PROMPTS["context"]}
_NONE = pl.DataFrame(schema=TEXTS)
_AT_ONCE = 20_000


def text_id(text: str) -> str:
    """Return the id of a text that is no prompt: the start of a hash of exactly this text."""
    return hash_value(["text", text])[:PROMPT_ID_LENGTH]


def needs_translation(text: str) -> bool:
    """Return whether a text differs between languages; numbers, emoji and code are the same in all."""
    return bool(text.strip()) and has_words(text)


@dataclass(frozen=True)
class RunTexts:
    """All texts that a run translates: its prompts, then the others, each once.

    Attributes:
        path: the table of prompts, which is read where it is needed.
        prompts: number of its rows.
        others: `TEXTS` besides the prompts.
    """

    path: Path
    prompts: int
    others: pl.DataFrame

    @property
    def height(self) -> int:
        """Number of texts."""
        return self.prompts + self.others.height

    def slice(self, begin: int, number: int) -> pl.DataFrame:
        """Return so many texts from one on, as `TEXTS`."""
        table = scan_parquet(self.path).select(list(TEXTS))
        prompts = table.slice(begin, number).collect() if begin < self.prompts else _NONE
        until = max(0, begin + number - self.prompts)
        return pl.concat([prompts, self.others[max(0, begin - self.prompts) : until]])

    def iter_slices(self, number: int) -> Iterator[pl.DataFrame]:
        """Yield all texts in order, so many at a time."""
        return (self.slice(begin, number) for begin in range(0, self.height, number))


def texts_of(run: Run) -> RunTexts:
    """Return all texts that a run translates."""
    path = run.path("prompts.parquet")
    number = scan_parquet(path).select(pl.len()).collect().item()
    return RunTexts(path, number, other_texts(run))


def texts_key(run: Run) -> dict[str, Any]:
    """Return what decides which texts are translated besides the prompts, for a stage's key; empty for the usual."""
    settings = run.recipe.translate
    usual = type(settings).model_fields["roles"].default
    key: dict[str, Any] = {} if settings.roles == usual else {"roles": sorted(settings.roles)}
    if settings.responses:
        key |= {"responses": settings.responses, "preferences": run.content_hash("preferences")}
    return key


def other_texts(run: Run) -> pl.DataFrame:
    """Return the texts that are translated besides the prompts, each once, as `TEXTS`."""
    prompts = run.path("prompts.parquet")
    contexts = (part["context"] for part in read_parts(prompts, _CONTEXT, _AT_ONCE))
    if not run.recipe.translate.responses:
        return texts_besides(run.recipe, contexts)
    pairs = read_table(run.path("preferences.parquet"), PREFERENCES)
    return texts_besides(
        run.recipe, contexts, pairs, set(read_parquet(prompts, ["prompt_id"])["prompt_id"])
    )


def texts_besides(
    recipe: Recipe,
    contexts: Iterable[pl.Series],
    pairs: pl.DataFrame | None = None,
    prompts: Container[str] = (),
) -> pl.DataFrame:
    """Return the texts that a recipe has translated besides prompts, each once, as `TEXTS`.

    Args:
        recipe: whose turns and responses are translated.
        contexts: turns before the prompts (`records.CONTEXT`), part by part.
        pairs: those whose responses are translated (`records.PREFERENCES`); None where the recipe has none translated.
        prompts: ids of the prompts.
    """
    settings = recipe.translate
    found: dict[str, str] = {}
    # A file of translations has those of prompts alone.
    if settings.imported is None:
        for part in contexts:
            _add(found, _turns(part, settings.roles))
    if pairs is not None:
        _add(found, _turns(pairs["context"], settings.roles))
        for row in pairs.iter_rows(named=True):
            asked = [] if row["prompt_id"] in prompts else [row["prompt"]]
            _add(found, (*asked, *(row[name] for name in settings.responses)))
    return pl.DataFrame(list(found.items()), schema=TEXTS, orient="row")


def _turns(contexts: pl.Series, roles: Sequence[str]) -> Iterator[str]:
    # Most prompts have none, and they never become Python objects.
    for context in contexts.filter(contexts.list.len() > 0).to_list():
        yield from (turn["content"] for turn in context if turn["role"] in roles)


def _add(found: dict[str, str], texts: Iterator[str] | Sequence[str]) -> None:
    for text in texts:
        if needs_translation(text):
            found.setdefault(text_id(text), text)


class Translated:
    """Kept translations of texts.

    Args:
        variants: kept variants: ``prompt_id``, ``language`` and ``text``, of the texts that are asked for.
        roles: whose turns are translated.
    """

    def __init__(self, variants: pl.DataFrame, roles: Sequence[str]) -> None:
        columns = ("prompt_id", "language", "text")
        self._texts = {row[:2]: row[2] for row in variants.select(columns).iter_rows()}
        self._roles = frozenset(roles)

    def prompt(self, prompt_id: str, text: str, language: str) -> str | None:
        """Return a prompt in a language, be it one of the run's or one of a pair alone; None without a translation."""
        return self._texts.get((prompt_id, language)) or self.text(text, language)

    def text(self, text: str, language: str) -> str | None:
        """Return a text in a language; None where no translation of it was kept."""
        if not needs_translation(text):
            return text
        return self._texts.get((text_id(text), language))

    def context(
        self, context: Sequence[Mapping[str, str]], language: str
    ) -> list[dict[str, Any]] | None:
        """Return the turns before a prompt, those of the recipe's roles in a language; None where one is missing."""
        turns = []
        for turn in context:
            said: str | None = turn["content"]
            if turn["role"] in self._roles:
                said = self.text(turn["content"], language)
            if said is None:
                return None
            turns.append({"role": turn["role"], "content": said})
        return turns
