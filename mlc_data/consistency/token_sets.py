"""Variant sets as token ids, and the order in which a training reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mlc_data.lm.prompt_format import Context, NotRendered, PromptFormat, Tokens


@dataclass(frozen=True)
class TokenSets:
    """Variant sets as the loss reads them.

    ``rows[b][l]`` are the tokens of set ``b`` in ``languages[l]``, the prompt's own language first;
    None where it is missing. ``ids`` are the prompt ids. ``too_long`` counts texts over the limit,
    which count as missing; ``dropped`` the sets that were left with fewer than two languages.
    """

    ids: tuple[str, ...]
    languages: tuple[str, ...]
    rows: tuple[tuple[Tokens | None, ...], ...]
    too_long: int = 0
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.rows)


def tokenise_sets(
    rows: Iterable[Mapping[str, Any]],
    form: PromptFormat,
    languages: Sequence[str],
    max_length: int,
) -> TokenSets:
    """Render and tokenise variant sets.

    Args:
        rows: rows of `records.SETS`.
        form: renders the prompts.
        languages: FLORES-200 codes, the prompts' own first; others in a row are not read.
        max_length: largest number of tokens of a text; a longer one counts as missing and is never truncated.
    """
    ids: list[str] = []
    kept: list[tuple[Tokens | None, ...]] = []
    too_long = dropped = 0
    for row in rows:
        texts = {row["language"]: row["prompt"]}
        texts.update((variant["language"], variant["text"]) for variant in row["variants"])
        before = {row["language"]: row.get("context") or ()}
        before.update(
            (each["language"], each["context"]) for each in row.get("variant_contexts") or ()
        )
        tokens = [
            _rendered(form, texts[code], before.get(code, ())) if code in texts else None
            for code in languages
        ]
        fitting = [ids if ids and len(ids) <= max_length else None for ids in tokens]
        too_long += sum(a is not None and b is None for a, b in zip(tokens, fitting, strict=True))
        if sum(text is not None for text in fitting) < 2:
            dropped += 1
            continue
        ids.append(row["prompt_id"])
        kept.append(tuple(fitting))
    return TokenSets(tuple(ids), tuple(languages), tuple(kept), too_long, dropped)


def _rendered(form: PromptFormat, text: str, context: Context) -> Tokens | None:
    try:
        return form.tokens(text, context)
    except NotRendered:
        return None


@dataclass(frozen=True)
class SetSampler:
    """Choice of the sets read at each step, determined by seed and step alone.

    Every pass over the sets is another permutation. The few at its end that do not fill a step are
    skipped, so that no set occurs twice in one step.
    """

    count: int
    per_step: int
    seed: int

    def indices(self, step: int) -> list[int]:
        """Return the indices of the sets of the ``step``-th step that reads sets (from 0)."""
        size = min(self.per_step, self.count)
        epoch, place = divmod(step, self.count // size)
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order: list[int] = torch.randperm(self.count, generator=generator).tolist()
        return order[place * size : (place + 1) * size]
