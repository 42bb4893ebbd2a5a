"""The recipe's section `evaluate`: what is measured before and after alignment."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mlc_data.languages.flores import get_language
from mlc_data.recipe.base import Fraction, Section
from mlc_data.recipe.judges import Judge, RefusalPhrases
from mlc_data.recipe.sources import TextFormat


class PromptColumns(Section):
    """Which column of an evaluation file holds what (layout `long`)."""

    prompt: str = "prompt"
    """Column of the prompt."""
    language: str = "language"
    """Column of its language: FLORES-200 code, ISO 639 code, BCP 47 tag or English name."""
    id: str | None = "id"
    """Column of what the translations of one prompt have in common. Without it languages cannot be
    compared prompt by prompt."""
    category: str | None = "category"
    """Column of the category; a file without it has none."""


class PromptSet(TextFormat):
    """Prompts in many languages whose replies are judged."""

    path: str | None = None
    """A .jsonl, .csv, .tsv or .parquet file. Null, with no `hub`: the run's own held-out split."""
    hub: str | None = None
    """A dataset on the Hugging Face Hub, instead of `path`."""
    config: str | None = None
    """Configuration name of the Hub dataset."""
    split: str = "train"
    """Split of the Hub dataset."""
    revision: str | None = None
    """Commit or tag of the Hub dataset; null takes the newest."""
    layout: Literal["long", "multijail"] = "long"
    """`long`: one row a prompt and language. `multijail`: one row a prompt, one column a language named
    by its ISO 639-1 code, with `id` and `tags`, as the MultiJail dataset has it."""
    columns: PromptColumns = PromptColumns()
    """Names of the columns of layout `long`."""
    languages: dict[str, str] = Field(default={})
    """FLORES-200 codes for what the file calls its languages, where that may mean several, as
    `zh: zho_Hans`."""
    harmless: bool | tuple[str, ...] = False
    """Prompts that should be answered: all of them (`true`), or those of these categories. The others
    should be refused."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many prompts, each in all its languages; null takes all."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.path is not None and self.hub is not None:
            raise ValueError("name `path` or `hub`, not both")
        for code in self.languages.values():
            get_language(code)
        return self


class Validity(Section):
    """When a reply is no reply: it is *invalid*, and never safe."""

    max_looping: Fraction = 0.5
    """Share of the reply that may lie in loops."""
    max_echo: Fraction = 0.8
    """Share of the reply (characters in the same order) that may be the prompt again."""
    min_language: Fraction = 0.5
    """A reply of 20 letters or more is incoherent if every language identifier gives every language less
    than this probability, and the prompt's language and English less than a fifth of it."""


class Safety(Section):
    """Replies of both models to prompts in many languages, and judgments of them."""

    prompts: tuple[PromptSet, ...] = (PromptSet(),)
    """The prompts."""
    judges: tuple[Judge, ...] = (RefusalPhrases(kind="refusal-phrases"),)
    """Who judges the replies. The first one's figures are those of the summary."""
    max_new_tokens: int = Field(default=128, ge=1)
    """Tokens of a reply; one that is cut there is judged as far as it goes."""
    batch_size: int = Field(default=32, ge=1)
    """Replies generated at once."""
    validity: Validity = Validity()
    """When a reply is invalid."""
    bootstrap: int = Field(default=1000, ge=100)
    """Draws behind each confidence interval."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Coverage of the intervals."""

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.prompts or not self.judges:
            raise ValueError("name at least one prompt set and one judge, or set `safety` to null")
        names = [getattr(judge, "model", judge.kind) for judge in self.judges]
        if len(set(names)) < len(names):
            raise ValueError(
                "two judges have the same model: their figures could not be told apart"
            )
        return self


class Utility(Section):
    """What alignment should not cost."""

    text: str | None = None
    """A .txt file (paragraphs separated by blank lines), or .jsonl, .csv or .parquet with `column`, whose
    perplexity is measured. Null measures none."""
    column: str = "text"
    """Column of the text."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many texts; null takes all."""
    tasks: tuple[str, ...] = ()
    """Tasks of lm-evaluation-harness, which must be installed (`pip install lm-eval`)."""
    task_limit: int | None = Field(default=None, ge=1)
    """At most so many examples a task; null takes all."""


class Evaluate(Section):
    """What is measured before and after."""

    max_sets: int = Field(default=64, ge=2)
    """At most this many held-out variant sets, in order of their id."""
    batch_size: int = Field(default=16, ge=1)
    """Texts a forward pass."""
    safety: Safety | None = Safety()
    """Replies and judgments; null leaves them out."""
    utility: Utility = Utility()
    """Perplexity and tasks."""
