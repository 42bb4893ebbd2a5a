"""Write mlc_data/checks/english/synonyms.txt from WordNet 3.0 (Debian package wordnet-base).

python scripts/synonyms/build.py /usr/share/wordnet mlc_data/checks/english/synonyms.txt
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NOTICE = "# Synonyms, a synset a line. WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved."
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


def main() -> None:
    """Write the table."""
    source, target = map(Path, sys.argv[1:])
    lines = {
        " ".join(words) for name in PARTS_OF_SPEECH for words in synsets(source / f"data.{name}")
    }
    target.write_text("\n".join([NOTICE, *sorted(lines)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
