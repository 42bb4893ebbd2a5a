"""Code blocks of README and the documentation, and the command lines in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md")),
)
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`]*)$")
_SPAN = re.compile(r"`((?:mlc-data|python|make) [^`]+)`")
_INDENTED = re.compile(r"^    (?=mlc-data |pip install |python |prefect |make )")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: its page, relative to the repository.
        line: its first line of code, from 1.
        language: first word after the fence, such as `bash`.
        words: the others, such as `run`.
        text: the code.
    """

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class CommandLine:
    """A command of a block, split as a shell does, without assignments and comments."""

    block: Block
    arguments: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.block.id} {' '.join(self.arguments[:4])}"


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Yield every fenced block of a page.

    Raises:
        ValueError: a fence is not closed.
    """
    lines = text.splitlines()
    start: int | None = None
    language, words, indent = "", tuple[str, ...](), 0
    for number, line in enumerate(lines, 1):
        if not (match := _FENCE.match(line)):
            continue
        if start is None:
            language, *rest = match["info"].split() or [""]
            words, indent, start = tuple(rest), len(match["indent"]), number
        elif not match["info"].strip():
            code = "\n".join(line[indent:] for line in lines[start : number - 1])
            yield Block(page, start + 1, language, words, code)
            start = None
    if start is not None:
        raise ValueError(f"{page}:{start}: the code block is not closed")


def all_blocks() -> list[Block]:
    """Return the fenced blocks of all pages."""
    return [
        block
        for page in PAGES
        for block in blocks_of(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8"))
    ]


def indented_commands() -> Iterator[str]:
    """Yield `page:line` of every command in an indented block, which no test sees."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fenced = {
            number
            for block in blocks_of("", text)
            for number in range(block.line, block.line + block.text.count("\n") + 1)
        }
        for number, line in enumerate(text.splitlines(), 1):
            if number not in fenced and _INDENTED.match(line):
                yield f"{page.relative_to(ROOT)}:{number}"


def mentions() -> list[CommandLine]:
    """Return the commands in code spans of the text, such as a cell of a table; they may lack arguments."""
    found = []
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        text = page.read_text(encoding="utf-8")
        inside = {
            number
            for block in blocks_of(name, text)
            for number in range(block.line, block.line + block.text.count("\n") + 1)
        }
        for number, line in enumerate(text.splitlines(), 1):
            if number not in inside:
                for span in _SPAN.findall(line):
                    found += command_lines(Block(name, number, "span", (), span))
    return found


def command_lines(block: Block) -> list[CommandLine]:
    """Return the commands of a block of bash in order.

    Lines that end in a backslash are joined; `;`, `&&`, `||` and `|` separate commands; redirections, assignments
    before a command and heredocs are left out. Scripts between `bash -c '` and `'` are read too.

    Raises:
        ValueError: a quotation mark is not closed.
    """
    lines = []
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            lines += [CommandLine(block, words) for words in _commands(list(lexer))]
        except ValueError as error:
            raise ValueError(f"{block.id}: {line!r}: {error}") from error
    return lines


def _commands(tokens: list[str]) -> Iterator[tuple[str, ...]]:
    words: list[str] = []
    skip = False
    for token in [*tokens, ";"]:
        if token and set(token) <= set(";&|"):
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            if words[:2] and words[0] in ("srun", "bash") and "-c" in words:
                inner = shlex.shlex(
                    words[words.index("-c") + 1], posix=True, punctuation_chars=";&|"
                )
                inner.whitespace_split = True
                yield from _commands(list(inner))
            elif words:
                yield tuple(words)
            words = []
        elif set(token) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        else:
            words.append(token)
