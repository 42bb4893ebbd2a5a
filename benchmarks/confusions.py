"""Languages that identifiers take good text for: writes mlc_data/language_id/confusions.json.

    python benchmarks/confusions.py --ntrex DIR --udhr DIR

For each identifier and language, the labels of other languages that it gives, with a probability of at
least 0.8, to more than one of 250 texts, with the probability that all but one of 250 stay below: whole lines and windows of eight words (sixteen characters where
blanks do not separate words), at most 200 of each. All other labels are trusted in the check language_id:
so near to certain, the text is in another language. ``*`` if more than a tenth of the texts get such labels.
Texts as in benchmarks/identifier_reliability.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import polars as pl
from reliability import IDENTIFIERS, LEAST_TEXTS, corpora, in_script, ntrex, plain, udhr

from mlc_data.checks.language_id import CERTAIN, readable
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.loading import load_identifiers
from mlc_data.language_id.reliability import ANY, CONFUSIONS
from mlc_data.languages.flores import all_languages, get_language

MOST, WORDS, CHARACTERS, TOLERATED = 200, 8, 16, 0.004
MOST_WRONG, MARGIN = 0.1, 0.02


def samples(lines: Sequence[str], code: str) -> list[str]:
    """Whole lines and windows of them, prepared as the check does."""
    if get_language(code).spaced:
        words = [line.split() for line in lines]
        cut = [
            " ".join(each[i : i + WORDS])
            for each in words
            for i in range(0, len(each) - WORDS + 1, WORDS)
        ]
    else:
        size = CHARACTERS
        cut = [line[i : i + size] for line in lines for i in range(0, len(line) - size + 1, size)]
    step = max(1, len(cut) // MOST)
    return readable(pl.Series([*lines[:MOST], *cut[::step][:MOST]], dtype=pl.String)).to_list()


def confusions(identifier: LanguageIdentifier, code: str, texts: Sequence[str]) -> list[str]:
    """Labels that good text gets too often, with the probability that it reaches."""
    own = labels_of(get_language(code), identifier)
    reached: dict[str, list[float]] = {}
    for answer in identifier.identify(texts):
        for label, probability in answer.items():
            if label not in own and probability >= CERTAIN:
                reached.setdefault(label, []).append(probability)
    if sum(map(len, reached.values())) > MOST_WRONG * len(texts):
        return [ANY]
    tolerated = int(TOLERATED * len(texts))
    most = {
        label: sorted(found)[-1 - tolerated]
        for label, found in reached.items()
        if len(found) > tolerated
    }
    return [f"{label}:{min(1.0, value + MARGIN):.2f}" for label, value in sorted(most.items())]


def main() -> None:
    """Measure and write the table."""
    chosen = corpora(__doc__)
    texts = {}
    for code in (language.code for language in all_languages()):
        for found in (ntrex(chosen.ntrex, code), udhr(chosen.udhr, code), plain(code)):
            lines = in_script([line for line in found if line.strip()], code)
            if len(lines) >= LEAST_TEXTS:
                texts[code] = samples(lines, code)
                break
    table = {
        identifier.id: {code: confusions(identifier, code, each) for code, each in texts.items()}
        for identifier in load_identifiers(IDENTIFIERS)
    }
    CONFUSIONS.write_text(rendered(table), encoding="utf-8")
    sys.stderr.write(f"{len(texts)} languages\n")


def rendered(table: dict[str, dict[str, list[str]]]) -> str:
    """JSON with one language a line."""
    parts = (
        f" {json.dumps(name)}: {{\n"
        + ",\n".join(
            f"  {json.dumps(code)}: {json.dumps(' '.join(labels))}" for code, labels in rows.items()
        )
        + "\n }"
        for name, rows in table.items()
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
