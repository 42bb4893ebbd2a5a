"""Write mlc_data/checks/english/synonyms.txt from WordNet 3.0 (Debian package wordnet-base).

python scripts/synonyms/build.py /usr/share/wordnet mlc_data/checks/english/synonyms.txt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NOTICE = "# {}. WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved."
_LETTERS = re.compile(r"[a-z]+(?:['-][a-z]+)*")
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")


def synsets(path: Path) -> Iterator[list[str]]:
    """Yield the single words of each synset of a ``data.*`` file (format: wndb(5WN)).

    Phrases are left out, and so are names: nouns that are written with a capital letter.
    """
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split()
        count = int(fields[3], 16)
        words = [fields[4 + 2 * index].partition("(")[0] for index in range(count)]
        plain = {word for word in words if _LETTERS.fullmatch(word)}
        if len(plain) > 1:
            yield sorted(plain)


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
    groups = {
        " ".join(words) for name in PARTS_OF_SPEECH for words in synsets(source / f"data.{name}")
    }
    write(target / "synonyms.txt", "Synonyms, a synset a line", groups)
    write(target / "verbs.txt", "Verbs in their base form", verbs(source / "index.verb"))


if __name__ == "__main__":
    main()
