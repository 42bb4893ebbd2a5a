import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from support import put

from mlc_data.errors import UsageError
from mlc_data.execute import run_stage
from mlc_data.lineage.explain import explain
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.report.figures import draw_layers
from mlc_data.report.summary import reasons, summary

MEASURED = {
    "sets": 9, "loss": 0.5, "first_share": 0.8, "within_cosine": 0.7, "between_cosine": 0.6,
    "retrieval": 0.25, "retrieval_centred": 0.5, "chance": 1 / 9,
}  # fmt: skip
COUNTS = {"requested": 4, "kept": 2, "rejected": {"script": 1}, "failed": {"empty_output": 1}}


def decided(run: Run) -> StageResult:
    return StageResult(
        counts={"variants": COUNTS, "by_language": {"swh_Latn": COUNTS, "zho_Hans": COUNTS}},
        results={"before": MEASURED, "after": {**MEASURED, "loss": 0.25}},
    )


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    made = make_run([{"prompt": "How do I bake bread?"}, {"prompt": 4}])
    run_stage(made, "sources")
    return made


def shown(run: Run) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        for part in summary(run):
            console.print(part)
    return captured.get()


def test_the_summary_shows_what_there_is(run: Run) -> None:
    text = shown(run)
    assert "not_a_string 1" in text
    assert "held-out" not in text
    put(run, "check", {}, (), lambda staging: decided(run))
    text = shown(run)
    assert "9 held-out variant sets" in text
    assert "0.5000" in text
    assert "0.2500" in text
    assert "Swahili" in text
    assert "script 1, empty_output 1" in text


def test_reasons_stand_in_order_of_frequency() -> None:
    assert reasons({"a": 1, "b": 3}) == "b 3, a 1"
    assert reasons({}) == ""


def test_the_layers_are_drawn_alike_each_time(tmp_path: Path) -> None:
    layers = [SimpleNamespace(layer=n, retrieval=n / 5, first_share=0.5, between_cosine=0.1)
              for n in range(1, 5)]  # fmt: skip
    for name in ("figure.svg", "again.svg"):
        draw_layers(layers, layers[2], tmp_path / name)  # type: ignore[arg-type]
    text = (tmp_path / "figure.svg").read_text()
    assert text.startswith("<svg")
    for label in ("decoder layer", "nearest to own prompt", "auto: 3"):
        assert label in text
    assert (tmp_path / "again.svg").read_text() == text


@pytest.mark.parametrize("name", ["figure.doc", "none/figure.svg"])
def test_a_figure_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    layer = SimpleNamespace(layer=1, retrieval=1.0, first_share=0.5, between_cosine=0.1)
    with pytest.raises(UsageError, match="--plot: cannot write"):
        draw_layers([layer], layer, tmp_path / name)  # type: ignore[arg-type]


def test_a_figure_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UsageError, match=r"pip install .*\[plots\]'"):
        draw_layers([], None, tmp_path / "figure.svg")  # type: ignore[arg-type]


def test_explain_finds_prompts_and_rejected_rows(run: Run) -> None:
    found = explain(run, "row:1")
    assert found.prompt == "How do I bake bread?"
    assert explain(run, found.prompt_id[:6]).prompt_id == found.prompt_id
    assert explain(run, "row:2").rejection == "not_a_string: line 2: 'prompt' is not text but int"
    for wrong in ("row:x", "row:9", "zz"):
        with pytest.raises(UsageError):
            explain(run, wrong)
