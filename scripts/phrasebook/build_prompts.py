"""Write the quickstart's prompts, references and preference pairs from the phrasebook.

``python -m scripts.phrasebook.build_prompts`` gives the same files every time: nothing is drawn
by chance, what looks random is decided by hashes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.phrasebook import phrasebook
from scripts.phrasebook.phrasebook import ENGLISH, TARGETS, Combination

log = logging.getLogger(__name__)

PROMPTS_A_HARM = 84
"""Held-out combinations among the prompts, for harmful and for harmless each."""

PAIRS_AN_ACTION = 3
"""Training combinations among the preference pairs, for each action."""

Row = dict[str, Any]


def prompts() -> list[Row]:
    """Held-out combinations (``origin`` is ``phrasebook``), then the prompts of ``outside.json``.

    Keys are prompt, category, harm (harmful or harmless) and origin.
    """
    chosen = {
        harm: _spread(
            [one for one in phrasebook.split(held_out=True) if one.action.harm == harm],
            PROMPTS_A_HARM,
        )
        for harm in ("harmful", "harmless")
    }
    inside = [
        {
            "prompt": one.text(ENGLISH),
            "category": one.action.category,
            "harm": one.action.harm,
            "origin": "phrasebook",
        }
        for both in zip(chosen["harmful"], chosen["harmless"], strict=True)
        for one in both
    ]
    return [*inside, *({**row, "origin": "outside"} for row in _read("outside.json"))]


def references() -> list[Row]:
    """For each phrasebook prompt its exact translations: prompt, references {FLORES code: text}."""
    return [
        {
            "prompt": row["prompt"],
            "references": {code: phrasebook.reference(row["prompt"], code) for code in TARGETS},
        }
        for row in prompts()
        if row["origin"] == "phrasebook"
    ]


def preferences() -> list[Row]:
    """Pairs on training combinations: prompt, chosen, rejected, category.

    A harmful request is refused in ``chosen`` and complied with, emptily, in ``rejected``; a
    harmless one is helped with and refused. None of the prompts is among `prompts`.
    """
    return [
        {
            "prompt": one.text(ENGLISH),
            **refusal_and_answer(one),
            "category": one.action.category,
        }
        for one in _several_an_action(phrasebook.split(held_out=False), PAIRS_AN_ACTION)
    ]


def brief_preferences() -> list[Row]:
    """Return the pairs of `preferences` with one brief refusal and one brief answer for all.

    What is left to learn is when to refuse, not how: a small model needs few steps for it.
    """
    refusal, answer = _read("phrasebook/replies.json")["brief"]
    said = {"harmful": (refusal, answer), "harmless": (answer, refusal)}
    rows = []
    for row in preferences():
        found = phrasebook.find(row["prompt"])
        assert found is not None
        rows.append(row | dict(zip(("chosen", "rejected"), said[found.action.harm], strict=True)))
    return rows


def refusal_and_answer(one: Combination) -> Row:
    """``chosen`` and ``rejected`` English responses to a combination, of `phrasebook/replies.json`."""
    key = _key(one)
    action = one.action.forms[ENGLISH]["action"].replace("my ", "your ")
    said = _read("phrasebook/replies.json")[one.action.harm]
    return {
        kind: texts[(key >> shift) % len(texts)].format(action=action)
        for shift, (kind, texts) in enumerate(sorted(said.items()), start=3)
    }


FILES = {
    "prompts.jsonl": prompts,
    "reference.jsonl": references,
    "preferences.jsonl": preferences,
    "brief_preferences.jsonl": brief_preferences,
}
"""The files, and what makes their rows."""


def lines(rows: Iterable[Row]) -> str:
    """Rows as JSON Lines, UTF-8 not escaped."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _spread(found: Sequence[Combination], wanted: int) -> list[Combination]:
    """``wanted`` of the combinations, the actions in turn, in an order that hashes decide."""
    return sorted(_in_turn(found)[:wanted], key=_key)


def _several_an_action(found: Sequence[Combination], wanted: int) -> list[Combination]:
    of_action: dict[str, list[Combination]] = defaultdict(list)
    for one in sorted(found, key=_key):
        of_action[one.action.id].append(one)
    return sorted((one for all_ in of_action.values() for one in all_[:wanted]), key=_key)


def _in_turn(found: Sequence[Combination]) -> list[Combination]:
    """The first combination of every action, then the second of every action, and so on."""
    turns: dict[str, int] = defaultdict(int)
    numbered = []
    for one in sorted(found, key=_key):
        numbered.append((turns[one.action.id], _key(one), one))
        turns[one.action.id] += 1
    return [one for _, _, one in sorted(numbered, key=lambda item: item[:2])]


def _key(one: Combination) -> int:
    digest = hashlib.sha256(f"prompts:{one.frame.id}/{one.action.id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _read(name: str) -> Any:
    return json.loads((phrasebook.FOLDER / name).read_text(encoding="utf-8"))


def main(
    out: Annotated[Path, typer.Option(help="Folder to write the files to.")] = phrasebook.FOLDER,
) -> None:
    """Write the prompts, references and preference pairs.

    Example:

        python -m scripts.phrasebook.build_prompts
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for name, make in FILES.items():
        rows = make()
        (out / name).write_text(lines(rows), encoding="utf-8")
        log.info("%s: %d rows", name, len(rows))


if __name__ == "__main__":
    typer.run(main)
