"""The library stays free of Prefect, and the flows stay thin."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
LIBRARY = sorted((REPOSITORY / "mlc_data").rglob("*.py"))
FLOWS = sorted((REPOSITORY / "flows").rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_the_library_imports_no_prefect(path: Path) -> None:
    assert not {name for name in imports(path) if name.split(".")[0] == "prefect"}


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_flows_hold_no_tables(path: Path) -> None:
    assert not imports(path) & {"polars", "pandas", "datasets", "torch", "ctranslate2"}
