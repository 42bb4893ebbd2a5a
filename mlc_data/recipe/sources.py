"""Section `sources` of a recipe: where the English prompts and preference pairs come from."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlc_data.recipe.base import Fraction, Grown, LicenceName, Section


def _delimiter(text: str) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '\r\n"\0':
        raise ValueError("is one character, such as ';', or `tab`")
    return text


def _quote(text: str) -> str:
    if text not in ("auto", "none") and (len(text) != 1 or text in "\r\n\t \0"):
        raise ValueError("is `auto`, `none` or one character")
    return text


def _encoding(name: str) -> str:
    try:
        # Python also knows codecs of bytes, such as hex, and one that always fails.
        if "a".encode(name).decode(name) != "a":
            raise LookupError
    except (LookupError, UnicodeError, TypeError):
        raise ValueError(
            "is no encoding that Python knows; write utf-16, cp1252, gb18030 ..."
        ) from None
    return name


class TextFormat(Grown):
    """Format of the files (.csv, .tsv, .json, .jsonl, .parquet) that a section names."""

    added: ClassVar[tuple[str, ...]] = ("format",)

    format: Literal["csv", "tsv", "json", "jsonl", "parquet"] | None = None
    """Format of the file; null takes it from the ending of its name."""
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None
    """Character between the cells of a .csv or .tsv file, such as `;`. Null is what a first line `sep=;` says,
    else a comma in .csv and a tab in .tsv, or another one if only that gives the wanted columns."""
    quote: Annotated[str, AfterValidator(_quote)] = "auto"
    """Character around cells that hold delimiters or line breaks. `none`: quotation marks are letters.
    `auto` is `"` in .csv. In .tsv it is `none`, but for files whose header is quoted, and for cells that are
    quoted beyond doubt: in quotes, with every quote within written twice."""
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """Encoding of a text file; null is what a byte order mark says, else UTF-8. UTF-16 without a mark and cp1252
    are recognised, and the log says so."""


class Columns(Grown):
    """Names of the columns (or JSON keys) of the source."""

    added: ClassVar[tuple[str, ...]] = ("system", "completion", "label")

    prompt: str = "prompt"
    """Column of the English prompt: text, or a conversation whose last user turn is the prompt. Where the file has
    no such column, `messages`, `conversations` and the conversations in `chosen` and `rejected` are looked at."""
    system: str | None = None
    """Column of the system prompt, if it is not a turn of the conversation."""
    category: str | None = "category"
    """Column of the category; rows without it have none."""
    chosen: str | None = "chosen"
    """Column of the preferred English response; optional in the file."""
    rejected: str | None = "rejected"
    """Column of the dispreferred English response; optional in the file."""
    id: str | None = None
    """Column with an id of the row that stays when its text is edited: `mlc-data refresh` uses it to match
    changed prompts."""
    responses: tuple[str, str] | None = None
    """Two response columns, if the file marks the better one by index instead of by column."""
    chosen_index: str | None = None
    """Column with the index (0 or 1) of the better response in `responses`."""
    completion: str | None = "completion"
    """Column of a single response, good or bad; a good and a bad one to the same prompt are a pair."""
    label: str | None = "label"
    """Column that says whether `completion` is good."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.responses is None) != (self.chosen_index is None):
            raise ValueError("`responses` and `chosen_index` go together")
        return self


Value = bool | int | float | str | None


class Source(TextFormat):
    """One file, several, or one dataset on the Hub."""

    added: ClassVar[tuple[str, ...]] = ("format", "glob", "streaming", "where")

    path: str | None = None
    """A .jsonl, .json, .csv, .tsv or .parquet file, or a folder of them; text files may be packed (.gz, .zst, .bz2,
    .xz). It is a name, never a pattern."""
    glob: str | None = None
    """Pattern of files, such as `shards/train-*.parquet`, instead of `path`; read in order of their names."""
    files: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Several such files, read one after the other, instead of `path`; a folder stands for the files in it, in
    order of their names."""
    hub: str | None = None
    """A dataset on the Hugging Face Hub (`organisation/name`), instead of `path`."""
    config: str | None = None
    """Configuration name of the Hub dataset."""
    split: str = "train"
    """Split of the Hub dataset."""
    revision: str | None = None
    """Commit or tag of the Hub dataset; null takes the newest."""
    streaming: bool = False
    """Read the Hub dataset row by row over the network, without storing it; with `limit`, only what that needs."""
    where: dict[str, Value | tuple[Value, ...]] | None = Field(default=None, min_length=1)
    """Values that columns must have, as `{prompt_harm_label: harmful, language: [en, eng]}`: a row without them is
    rejected as `not_selected`. A dot leads into a column of fields."""
    licence: LicenceName | None = None
    """SPDX identifier of the data's licence: `mlc-data publish` needs it, nothing else reads it."""
    columns: Columns = Columns()
    """Names of the columns."""
    limit: int | None = Field(default=None, ge=1)
    """Read at most this many rows; null reads all."""
    malformed: Literal["error", "reject"] = "reject"
    """Treatment of lines that are not JSON: reject the row, or stop and name the line. A file in which most
    lines are malformed is always an error."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = (self.path, self.files, self.hub, self.glob)
        if sum(place is not None for place in places) != 1:
            raise ValueError(
                "name exactly one of `path`, `files` and `hub`, or a pattern in `glob`"
            )
        if self.streaming and self.hub is None:
            raise ValueError(
                "`streaming` is for a dataset of the Hub; files are always read row by row"
            )
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Files, folders or the pattern that are named; none for a dataset of the Hub."""
        places = (self.path, self.glob)
        return self.files or tuple(place for place in places if place is not None)


def _path_wins(value: Any) -> Any:
    """Return a source without its Hub dataset where it names a path as well."""
    files = isinstance(value, dict) and any(value.get(key) for key in ("path", "files", "glob"))
    if files and value.get("hub"):
        return {**value, "hub": None}
    return value


class Decontaminate(TextFormat):
    """An evaluation set; prompts that are copies of its prompts are rejected.

    Compared by words, without case and punctuation.
    """

    path: str
    """A file of a kind that `sources.prompts.path` reads."""
    column: str = "prompt"
    """Column of its prompts."""
    ngram: int = Field(default=8, ge=5)
    """Words per n-gram. A shorter evaluation prompt of five words or more is one n-gram."""
    max_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the shorter text's n-grams, in common with the other, from which on it is a copy."""
    max_words: float = Field(default=0.85, gt=0.5, le=1)
    """Share of words in common, among those of both, from which on it is a copy: one changed word in
    seven. 1 requires the same words."""


class Sources(Section):
    """Sources of the English prompts and preference pairs."""

    prompts: Annotated[Source, BeforeValidator(_path_wins)]
    """The English prompts to translate; rows may carry chosen and rejected responses."""
    preferences: Annotated[Source, BeforeValidator(_path_wins)] | None = None
    """English pairs (prompt, chosen, rejected) to align on; null takes them from `prompts`."""
    decontaminate: tuple[Decontaminate, ...] = ()
    """Evaluation sets whose prompts must not be trained on, neither as prompts nor as pairs."""
    max_characters: int = Field(default=4000, ge=1)
    """A longer prompt is rejected (Unicode code points)."""
    min_english: Fraction = 0.1
    """Probability of English below which a prompt is rejected, if another language has `max_other`."""
    max_other: Fraction = 0.6
    """Probability of another language from which on such a prompt is rejected."""
