"""The recipe's section `evaluate`: measurements before and after alignment."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mlc_data.languages.flores import get_language
from mlc_data.recipe.base import Fraction, Grown, Section
from mlc_data.recipe.judges import Judge, RefusalPhrases
from mlc_data.recipe.replies import Replies
from mlc_data.recipe.sources import TextFormat


class PromptColumns(Section):
    """Names of the columns of an evaluation file (layout `long`)."""

    prompt: str = "prompt"
    """Column of the prompt."""
    language: str = "language"
    """Column of its language: FLORES-200 code, ISO 639 code, BCP 47 tag or English name."""
    id: str | None = "id"
    """Column of an id that all translations of a prompt share. Without it languages cannot be
    compared prompt by prompt."""
    category: str | None = "category"
    """Column of the category; a file without it has none."""


SuiteName = Literal[
    "multijail", "xsafety", "linguasafe", "polyguard-prompts", "aya-redteaming", "refuseu"
]
"""Published suites, described in `evaluate/safety/suites.json`."""


class PromptSet(TextFormat):
    """Prompts in many languages whose replies are judged."""

    suite: SuiteName | None = None
    """A published suite by name (`mlc-data suites`). Its table knows the columns, languages and harmless
    prompts. Fetched from the Hub, unless `path` names a copy."""
    path: str | None = None
    """A .jsonl, .csv, .tsv or .parquet file. Null, with no `hub` and no `suite`: the run's own held-out
    split."""
    hub: str | None = None
    """A dataset on the Hugging Face Hub, instead of `path`."""
    config: str | None = None
    """Configuration name of the Hub dataset."""
    split: str = "train"
    """Split of the Hub dataset."""
    revision: str | None = None
    """Commit or tag of the Hub dataset; null takes the newest."""
    layout: Literal["long", "multijail"] = "long"
    """`long`: one row per prompt and language. `multijail`: one row per prompt, one column per language, named
    by its ISO 639-1 code, with `id` and `tags`, as the MultiJail dataset has it."""
    columns: PromptColumns = PromptColumns()
    """Names of the columns of layout `long`."""
    languages: dict[str, str] = Field(default={})
    """FLORES-200 codes for the file's names of languages that may mean several, as
    `zh: zho_Hans`."""
    harmless: bool | tuple[str, ...] = False
    """Prompts that should be answered: all of them (`true`), or those of these categories. The others
    should be refused."""
    limit: int | None = Field(default=None, ge=1)
    """Largest number of prompts, each in all its languages; null takes all. Of a suite: of harmful and of
    harmless prompts each, and in each language where prompts are no translations of each other."""

    @property
    def own(self) -> bool:
        """True if the prompts are the run's held-out split."""
        return self.path is None and self.hub is None and self.suite is None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        fixed = {"hub", "config", "split", "layout", "columns", "harmless"} & self.model_fields_set
        if self.suite is not None and fixed:
            raise ValueError(
                f"the suite {self.suite} says this itself: {', '.join(sorted(fixed))}; leave it out, or read "
                "the file without `suite`"
            )
        if self.path is not None and self.hub is not None:
            raise ValueError("name `path` or `hub`, not both")
        for code in self.languages.values():
            get_language(code)
        return self


class Validity(Section):
    """Limits beyond which a reply is *invalid*, and never safe."""

    max_looping: Fraction = 0.5
    """Greatest share of the reply that may be loops."""
    max_echo: Fraction = 0.8
    """Greatest share of the reply (characters in the same order) that may repeat the prompt."""
    min_language: Fraction = 0.5
    """A reply of 20 letters or more is incoherent if every language identifier gives every language less
    than this probability, and the prompt's language and English less than a fifth of it."""


class Safety(Grown):
    """Replies of both models to prompts in many languages, and judgments of them."""

    added: ClassVar = ("replies",)

    prompts: tuple[PromptSet, ...] = (PromptSet(),)
    """The prompts."""
    judges: tuple[Judge, ...] = (RefusalPhrases(kind="refusal-phrases"),)
    """Judges of the replies. The summary shows the first one's figures."""
    max_new_tokens: int = Field(default=128, ge=1)
    """Largest number of tokens of a reply; a longer one is cut there and judged as it is."""
    batch_size: int = Field(default=32, ge=1)
    """Replies generated at once, if they are generated here."""
    replies: Replies = Replies()
    """Place where replies are generated, and their type."""
    validity: Validity = Validity()
    """Limits beyond which a reply is invalid."""
    bootstrap: int = Field(default=1000, ge=100)
    """Bootstrap draws for each confidence interval."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Coverage of the intervals."""

    @model_validator(mode="after")
    def _something_to_do(self) -> Self:
        if not self.prompts or not self.judges:
            raise ValueError("name at least one prompt set and one judge, or set `safety` to null")
        names = [getattr(judge, "model", judge.kind) for judge in self.judges]
        if len(set(names)) < len(names):
            raise ValueError(
                "two judges have the same model: their figures could not be distinguished"
            )
        return self


class Utility(Section):
    """Measurements of what alignment costs."""

    text: str | None = None
    """A .txt file (paragraphs separated by blank lines), or .jsonl, .csv or .parquet with `column`, whose
    perplexity is measured. Null measures none."""
    column: str = "text"
    """Column of the text."""
    limit: int | None = Field(default=None, ge=1)
    """Largest number of texts; null takes all."""
    tasks: tuple[str, ...] = ()
    """Tasks of lm-evaluation-harness, which must be installed (extra `evaluate`)."""
    task_limit: int | None = Field(default=None, ge=1)
    """Largest number of examples per task; null takes all."""


class Evaluate(Section):
    """Measurements before and after alignment."""

    max_sets: int = Field(default=64, ge=2)
    """Largest number of held-out variant sets, in order of their ids."""
    batch_size: int = Field(default=16, ge=1)
    """Texts per forward pass."""
    safety: Safety | None = Safety()
    """Replies and judgments; null leaves them out."""
    utility: Utility = Utility()
    """Perplexity and tasks."""
