"""Languages that identifiers take good text for: writes mlc_data/language_id/confusions.json.

    python benchmarks/confusions.py --ntrex DIR --udhr DIR

For each identifier and language, the labels of other languages that it gives, with a probability of at
least 0.8, to more than one of 250 texts: whole lines and windows of eight words (sixteen characters where
blanks do not separate words), at most 200 of each. All other labels are trusted in the check language_id:
so near to certain, the text is in another language. ``*`` if more than a tenth of the texts get such labels.
Texts as in benchmarks/reliability.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from reliability import IDENTIFIERS, LEAST_TEXTS, ntrex, plain, udhr

from mlc_data.checks.language_id import CERTAIN, readable
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.loading import load_identifiers
from mlc_data.language_id.reliability import ANY, CONFUSIONS
from mlc_data.languages.flores import all_languages, get_language

MOST, WORDS, CHARACTERS, TOLERATED, MOST_WRONG = 200, 8, 16, 0.004, 0.1


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
    """Labels that good text gets too often."""
    own = labels_of(get_language(code), identifier)
    counts: Counter[str] = Counter()
    for answer in identifier.identify(texts):
        counts.update(x for x, p in answer.items() if x not in own and p >= CERTAIN)
    if counts.total() > MOST_WRONG * len(texts):
        return [ANY]
    return sorted(x for x, count in counts.items() if count > TOLERATED * len(texts))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ntrex", type=Path, required=True)
    parser.add_argument("--udhr", type=Path, required=True)
    chosen = parser.parse_args()
    texts = {}
    for code in (language.code for language in all_languages()):
        for lines in (ntrex(chosen.ntrex, code), udhr(chosen.udhr, code), plain(code)):
            if len(lines) >= LEAST_TEXTS:
                texts[code] = samples([line for line in lines if line.strip()], code)
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
