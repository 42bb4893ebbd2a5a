"""Measures of consistency of hidden states across languages: pure functions on states."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LossFunction = Callable[[Tensor, Tensor], tuple[Tensor, Mapping[str, Tensor]]]
"""Function from states [N, L, H] and present [N, L] to the loss, [], and figures with ``mlc``."""


@dataclass(frozen=True)
class Measures:
    """Measures of N held-out variant sets; the prompt's own language is called the source.

    Attributes:
        sets: sets with at least two languages; only these are measured.
        loss: the consistency loss of the states themselves (lower is more consistent).
        first_share: mean of s_1^2 / m over the sets, 1/m to 1: how near a set is to one line.
        within_cosine: mean cosine of two languages of one prompt, -1 to 1.
        between_cosine: mean cosine of *different* prompts in the source language. Where it nears 1
            all prompts look the same: collapse.
        between_cosine_all: the same over all languages, two texts of different prompts each.
        retrieval: share of variants whose nearest source text, of all N by cosine, is that of
            their own prompt; chance is 1/N.
        retrieval_centred: the same after each language's mean has been subtracted, which removes
            what all texts of a language have in common.
        chance: 1/N.
    """

    sets: int
    loss: float
    first_share: float
    within_cosine: float
    between_cosine: float
    between_cosine_all: float
    retrieval: float
    retrieval_centred: float
    chance: float


@dataclass(frozen=True)
class LanguageMeasures:
    """Measures of one language against the source.

    Attributes:
        language: FLORES-200 code.
        sets: sets that have this language.
        own_cosine: mean cosine of a variant with its own source text.
        other_cosine: mean cosine of a variant with the source texts of other prompts.
        retrieval: see `Measures`.
        retrieval_centred: see `Measures`.
    """

    language: str
    sets: int
    own_cosine: float
    other_cosine: float
    retrieval: float
    retrieval_centred: float


def measure(
    states: Tensor, present: Tensor, languages: Sequence[str], loss: LossFunction
) -> tuple[Measures, list[LanguageMeasures]]:
    """Measure variant sets, in all and for every language but the source.

    Args:
        states: [N, L, H]; the source language is at index 0 of L.
        present: [N, L], bool. Sets with fewer than two languages, or without the source, are left
            out.
        languages: the L codes.
        loss: computes the consistency loss.

    Returns:
        The measures over all languages, and one row per language that any set has.

    Raises:
        ValueError: fewer than two sets can be measured, or shapes do not fit.
    """
    if states.dim() != 3 or present.shape != states.shape[:2] or len(languages) != states.shape[1]:
        raise ValueError("states [N, L, H], present [N, L] and L languages do not fit")
    usable = present[:, 0] & (present.sum(dim=1) >= 2)
    states, present = states[usable].double(), present[usable]
    if len(states) < 2:
        raise ValueError("at least two sets with two languages are needed")
    unit = torch.nn.functional.normalize(states, dim=-1) * present[..., None]
    centred = torch.nn.functional.normalize(_centre(states, present), dim=-1) * present[..., None]
    rows, hits, centred_hits = [], [], []
    for column in range(1, len(languages)):
        have = present[:, column]
        if not have.any():
            continue
        similar = unit[have, column] @ unit[:, 0].T
        own = torch.nonzero(have).squeeze(1)
        own_nearest = _nearest_is_own(similar, own)
        own_nearest_centred = _nearest_is_own(centred[have, column] @ centred[:, 0].T, own)
        hits.append(own_nearest)
        centred_hits.append(own_nearest_centred)
        of_own = similar.gather(1, own[:, None]).squeeze(1)
        others = (similar.sum(dim=1) - of_own) / (similar.shape[1] - 1)
        rows.append(
            LanguageMeasures(
                language=languages[column],
                sets=int(have.sum()),
                own_cosine=float(of_own.mean()),
                other_cosine=float(others.mean()),
                retrieval=float(own_nearest.mean()),
                retrieval_centred=float(own_nearest_centred.mean()),
            )
        )
    with torch.no_grad():
        value, figures = loss(states.float(), present)
    whole = Measures(
        sets=len(states),
        loss=float(figures.get("mlc", value)),
        first_share=first_share(unit, present),
        within_cosine=within_cosine(unit, present),
        between_cosine=between_cosine(unit[:, :1], present[:, :1]),
        between_cosine_all=between_cosine(unit, present),
        retrieval=float(torch.cat(hits).mean()),
        retrieval_centred=float(torch.cat(centred_hits).mean()),
        chance=1 / len(states),
    )
    return whole, rows


def first_share(unit: Tensor, present: Tensor) -> float:
    """Return the mean of s_1^2 / m. ``unit`` [N, L, H]: rows of norm 1, zeros where not ``present`` [N, L]."""
    first = torch.linalg.matrix_norm(unit, ord=2)
    return float((first.square() / present.sum(dim=1)).mean())


def within_cosine(unit: Tensor, present: Tensor) -> float:
    """Return the mean over sets of the mean cosine of two languages of a set; see `first_share`."""
    count = present.sum(dim=1).to(unit.dtype)
    pairs = unit.sum(dim=1).square().sum(dim=-1) - unit.square().sum(dim=(1, 2))
    return float((pairs / (count * (count - 1))).mean())


def between_cosine(unit: Tensor, present: Tensor) -> float:
    """Return the mean cosine of two rows of different sets; see `first_share`."""
    count = present.sum(dim=1).to(unit.dtype)
    sums = unit.sum(dim=1)
    products = sums.sum(dim=0).square().sum() - sums.square().sum()
    return float(products / (count.sum().square() - count.square().sum()))


def _centre(states: Tensor, present: Tensor) -> Tensor:
    """Return the states minus the mean of their language."""
    there = present[..., None].to(states.dtype)
    means = (states * there).sum(dim=0) / there.sum(dim=0).clamp_min(1)
    return (states - means) * there


def _nearest_is_own(similar: Tensor, own: Tensor) -> Tensor:
    """Return 1 where a row's own column is the only greatest, 0 elsewhere: ties are misses."""
    rival = similar.scatter(1, own[:, None], -torch.inf).amax(dim=1)
    return (similar.gather(1, own[:, None]).squeeze(1) > rival).to(similar.dtype)


def as_table(
    before: Sequence[LanguageMeasures], after: Sequence[LanguageMeasures]
) -> list[dict[str, Any]]:
    """Return rows of ``evaluation/consistency.parquet``: one per language and model."""
    from dataclasses import asdict

    return [
        {"when": when, **asdict(row)}
        for when, rows in (("before", before), ("after", after))
        for row in rows
    ]
