"""Write mlc_data/checks/english/synonyms.txt from WordNet 3.0 (Debian package wordnet-base).

python scripts/synonyms/build.py /usr/share/wordnet mlc_data/checks/english
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

NOTICE = "# {}. WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved."
_LETTERS = re.compile(r"[a-z]+(?:['-][a-z]+)*")
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
SATELLITE = 5
RARE = 0.002
"""Share of a word's occurrences that it has at least as one part of speech."""
EVERYDAY = 2
"""Occurrences as a noun of a word that has a broader one."""
BROADEST = 60
"""Synsets right below a broader one, at most."""


def counts(path: Path) -> dict[str, dict[int, int]]:
    """Return how often each word occurs as each part of speech (1 to 4) in WordNet's tagged texts
    (``cntlist.rev``: cntlist(5WN))."""
    found: dict[str, dict[int, int]] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        key, _, count = line.split()
        word, _, sense = key.partition("%")
        part = int(sense[0])
        parts = found.setdefault(word, {})
        parts[3 if part == SATELLITE else part] = parts.get(part, 0) + int(count)
    return found


def synsets(path: Path, part: int, tagged: dict[str, dict[int, int]]) -> Iterator[list[str]]:
    """Yield the single words of each synset of a ``data.*`` file (format: wndb(5WN)).

    Phrases are left out, and so are names: nouns that are written with a capital letter. A word is left out
    where it hardly ever is this part of speech: "steal" and "buy" are one as nouns (a bargain).
    """
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split()
        words = {fields[4 + 2 * index].partition("(")[0] for index in range(int(fields[3], 16))}
        usual = {
            word
            for word in words
            if _LETTERS.fullmatch(word)
            and (parts := tagged.get(word, {part: 0})).get(part, 0) >= RARE * sum(parts.values())
        }
        if len(usual) > 1:
            yield sorted(usual)


def broader(path: Path, tagged: dict[str, dict[int, int]]) -> Iterator[list[str]]:
    """Yield the everyday words of each noun synset together with those of the next broader one: employee, worker.

    A broader synset with more than `BROADEST` narrower ones (person, device) says too little.
    """
    words: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.partition("|")[0].split()
        size = int(fields[3], 16)
        words[fields[0]] = [
            word
            for word in (fields[4 + 2 * index] for index in range(size))
            if _LETTERS.fullmatch(word) and tagged.get(word, {}).get(1, 0) >= EVERYDAY
        ]
        pointers = fields[5 + 2 * size :]
        above[fields[0]] = [pointers[i + 1] for i, kind in enumerate(pointers) if kind == "@"]
    narrower = Counter(offset for offsets in above.values() for offset in offsets)
    for offset, offsets in above.items():
        for other in offsets:
            if words[offset] and words[other] and narrower[other] <= BROADEST:
                yield sorted({*words[offset], *words[other]})


def verbs(path: Path) -> set[str]:
    """Return the single verbs of an ``index.verb`` file, in their base form."""
    lines = path.read_text(encoding="ascii").splitlines()
    words = (line.split(maxsplit=1)[0] for line in lines if not line.startswith("  "))
    return {word for word in words if _LETTERS.fullmatch(word)}


def write(path: Path, title: str, lines: set[str]) -> None:
    """Write a table, sorted, below the notice of its licence."""
    path.write_text("\n".join([NOTICE.format(title), *sorted(lines)]) + "\n", encoding="utf-8")


def main() -> None:
    """Write the tables."""
    source, target = map(Path, sys.argv[1:])
    tagged = counts(source / "cntlist.rev")
    groups = {
        " ".join(words)
        for part, name in enumerate(PARTS_OF_SPEECH, start=1)
        for words in synsets(source / f"data.{name}", part, tagged)
    }
    groups |= {" ".join(words) for words in broader(source / "data.noun", tagged) if len(words) > 1}
    write(target / "synonyms.txt", "Synonyms and broader nouns, a synset a line", groups)
    write(target / "verbs.txt", "Verbs in their base form", verbs(source / "index.verb"))


if __name__ == "__main__":
    main()
