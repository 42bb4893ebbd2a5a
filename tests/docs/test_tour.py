"""The notebook docs/tour.ipynb runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_blocks import ROOT


@pytest.mark.integration
def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(ROOT / "docs" / "tour.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )
    assert "¿Puedes explicarme cómo reparar una bicicleta?" in printed
    assert "collapsed" in printed
