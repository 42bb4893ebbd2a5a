"""Section `sources` of a recipe: where the English prompts and preference pairs come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlc_data.recipe.base import Fraction, Section


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


class TextFormat(Section):
    """Format of the text files (.csv, .tsv, .json, .jsonl) that a section names."""

    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None
    """Character between the cells of a .csv or .tsv file, such as `;`; null is a comma in .csv, a tab in .tsv."""
    quote: Annotated[str, AfterValidator(_quote)] = "auto"
    """Character around cells that hold delimiters or line breaks. `none`: quotation marks are letters.
    `auto` is `"` in .csv. In .tsv it is `none`, but for files whose header is quoted, and for cells that are
    quoted beyond doubt: in quotes, with every quote within written twice."""
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    """Encoding of a text file; null is UTF-8, or what a byte order mark says."""


class Columns(Section):
    """Names of the columns (or JSON keys) of the source."""

    prompt: str = "prompt"
    """Column of the English prompt: text, or a conversation with one user turn. Where the file has no such
    column, `messages`, `conversations` and the conversations in `chosen` and `rejected` are looked at."""
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

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.responses is None) != (self.chosen_index is None):
            raise ValueError("`responses` and `chosen_index` go together")
        return self


class Source(TextFormat):
    """One file, or one dataset on the Hub."""

    path: str | None = None
    """A .jsonl, .json, .csv, .tsv or .parquet file; text files may be packed by gzip (.jsonl.gz)."""
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
    licence: str | None = None
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
        if sum(place is not None for place in (self.path, self.files, self.hub)) != 1:
            raise ValueError("name exactly one of `path`, `files` and `hub`")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Files and folders that are named; none for a dataset of the Hub."""
        return self.files or ((self.path,) if self.path is not None else ())


def _path_wins(value: Any) -> Any:
    """Return a source without its Hub dataset where it names a path as well."""
    if isinstance(value, dict) and (value.get("path") or value.get("files")) and value.get("hub"):
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
