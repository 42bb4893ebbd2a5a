"""No path is ever taken for a pattern: `run[1]` is a folder's name, not one of `run1`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
FOLDERS = ("mlc_data", "flows", "benchmarks", "examples", "scripts")
PATTERNS = {
    f"{how}_{what}"
    for how in ("read", "scan")
    for what in ("parquet", "csv", "ipc", "parquet_schema", "parquet_metadata")
}
"""Functions of polars that expand patterns in the paths that they are given."""
WITHOUT_CHOICE = {"read_ndjson", "scan_ndjson"}
"""Functions that expand patterns and cannot be told not to: they are given open files or bytes."""


def expanding(source: str) -> Iterator[int]:
    """Yield the line of each use of a reader that would expand patterns."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            literal = any(
                word.arg == "glob" and isinstance(word.value, ast.Constant) and not word.value.value
                for word in node.keywords
            )
            if _reader(node.func) in PATTERNS and not literal:
                yield node.lineno
            yield from (each.lineno for each in node.args if _reader(each) in PATTERNS)
        elif isinstance(node, ast.Dict):
            yield from (each.lineno for each in node.values if _reader(each) in PATTERNS)
        if isinstance(node, ast.Call) and _reader(node.func) in WITHOUT_CHOICE:
            given = ast.dump(node.args[0]) if node.args else ""
            if "read_bytes" not in given and "BytesIO" not in given:
                yield node.lineno


def _reader(node: ast.AST) -> str:
    known = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    return node.attr if known and node.value.id in ("pl", "polars") else ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("pl.read_parquet(path)", [1]),
        ("pl.scan_csv(path, glob=True)", [1]),
        ("pl.read_parquet(path, glob=False)", []),
        ("x = 1\nmap(pl.read_parquet, files)", [2]),
        ("readers = {'.csv': pl.read_csv}", [1]),
        ("pl.read_ndjson(path)", [1]),
        ("pl.read_ndjson(path.read_bytes())", []),
        ("pl.read_ndjson(BytesIO(lines))", []),
        ("read_parquet(path)", []),
    ],
)
def test_uses_that_expand_patterns_are_found(source: str, lines: list[int]) -> None:
    assert list(expanding(source)) == lines


def test_no_reader_expands_patterns() -> None:
    found = [
        f"{file.relative_to(REPOSITORY)}:{line}"
        for folder in FOLDERS
        for file in sorted((REPOSITORY / folder).rglob("*.py"))
        for line in expanding(file.read_text(encoding="utf-8"))
    ]
    assert not found
