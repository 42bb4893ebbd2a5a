"""The file ``review.json``: what people's judgements say about the checks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mlc_data.core.described import Described

FORMAT_VERSION = 1


class _Record(Described, BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Record):
    """A share of the run's variants (0 to 1) with a 95 % interval; null where no judged variant stands for it."""

    value: float | None
    low: float | None
    high: float | None
    rows: int
    """Judged variants that it is estimated from."""


class Measures(_Record):
    """Right and wrong rejections, by one check or by all together."""

    rejected: int
    """Judged variants that are rejected."""
    variants: int
    """Variants of the run that are rejected."""
    precision: Estimate
    """Share of the rejected variants that are bad."""
    recall: Estimate
    """Share of the bad variants that are rejected."""
    false_rejections: Estimate
    """Share of the good variants that are rejected."""


class Judged(_Record):
    """The judged variants of one language, or of all."""

    rows: int
    """Judged variants."""
    bad: Estimate
    """Share of all variants, kept or rejected, that are bad."""
    bad_kept: Estimate
    """Share of the kept variants that are bad."""
    all: Measures
    """All checks together."""
    checks: dict[str, Measures]
    """Each enabled check by name."""


class Agreement(_Record):
    """Two reviewers of the same variants."""

    first: str
    second: str
    rows: int
    """Variants that both have judged."""
    share: Estimate
    """Share of these that both judge alike."""
    kappa: float | None
    """Cohen's kappa (1 for full agreement, 0 for that of chance); null where both give one judgement only."""


class Review(_Record):
    """Everything that is derived from the judgements of one sample."""

    format_version: int = FORMAT_VERSION
    date: str
    """UTC, ISO 8601."""
    sample: str
    """Id of the sample: `review/sample-<id>.parquet` and `review/judged-<id>.parquet`."""
    variants: str | None
    """Content hash of the kept variants that the verdicts belong to."""
    reviewers: list[str]
    changed: int
    """Judged variants that have another text now, and are left out."""
    variants_represented: int
    variants_not_represented: int
    """Variants in strata of which no row has been judged: nothing is known of them."""
    whole: Judged
    languages: dict[str, Judged] = Field(default_factory=dict)
    agreement: list[Agreement] = Field(default_factory=list)
