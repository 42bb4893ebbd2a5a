"""Ordinary English words: writes mlc_data/text/data/english.txt.

    python scripts/english_words.py frequency_dictionary_en_82_765.txt dist.female.first dist.male.first

The first file is part of symspellpy (MIT): words of SCOWL with their frequencies in Google Books Ngrams. The
most frequent ones are kept, without forms that `mlc_data.text.vocabulary.stems` leads back to another one.
The others are part of the package names (MIT, from the US census): first names are left out, unless the word
is frequent, and so are the cities of the time zone database.
"""

from __future__ import annotations

import argparse
import zoneinfo
from pathlib import Path

from mlc_data.text.vocabulary import ENGLISH_WORDS, stems

MOST, MOST_NAMES = 36_000, 700
_EVERYDAY = (
    "will mark grace hope faith joy may rose bill rob jack art gene frank grant lance dale glen ray pat sue dawn iris "
    "june april august summer autumn angel christian crystal virginia charity carol holly ivy ruby pearl amber "
    "jade violet olive sandy misty rusty robin daisy lily penny ginger lane cliff clay forest heath hunter mason "
    "parker cooper carter tanner taylor turner walker porter miles rich curt dean don drew guy harry jay jean jerry "
    "jimmy jo josh kay kit lee leo les lou mac marina max merry nick norm opal patience peg pierce prince randy reed "
    "sage sky sonny stormy terry tony tracy troy vance victor wade ward warren center central eastern jersey local "
    "north pacific south west universal general zulu mountain turkey navajo easter east michigan yesterday arizona "
    "colon dill rod stew buck chance chase colt duke earl herb hugo man marshal martin noble pete rex roman royal "
    "rudy solomon son star storm sunny tab ty van wit bud bob rock pony precious felicity miracle chastity destiny "
    "heaven princess mercy love mary king china honey candy autumn brandy cherry harmony infant infinity january"
)
NO_NAMES = frozenset(_EVERYDAY.split())
"""Names that are everyday words as well."""


def main() -> None:
    """Read, reduce and write the list."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("names", type=Path, nargs="+")
    chosen = parser.parse_args()
    lines = chosen.dictionary.read_text(encoding="utf-8-sig").splitlines()
    names = {
        line.split()[0].lower()
        for path in chosen.names
        for line in path.read_text().splitlines()[:MOST_NAMES]
    }
    names |= {key.rpartition("/")[2].lower() for key in zoneinfo.available_timezones()}
    names -= NO_NAMES
    words = [word for word in (line.split()[0] for line in lines[:MOST]) if word not in names]
    kept: set[str] = set()
    for word in sorted((word for word in words if word.isalpha() and len(word) > 1), key=len):
        if not kept.intersection(stems(word)):
            kept.add(word)
    ENGLISH_WORDS.write_text("\n".join(sorted(kept)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
