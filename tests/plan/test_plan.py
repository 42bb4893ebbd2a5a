"""The plan of a run: counts, time, memory, money, licences."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import polars as pl
import pytest
from support import StubTranslator, write_jsonl

from mlc_data.cli.main import main
from mlc_data.core.offline import offline
from mlc_data.errors import UsageError
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.plan.memory import training_memory
from mlc_data.plan.models import Shape, named_parameters
from mlc_data.plan.plan import Options, Plan, make_plan
from mlc_data.plan.rates import Rates, stated, with_settings
from mlc_data.recipe.loading import load_recipe, parse_recipe

ROWS = [
    {"prompt": "How do I grow beans? I have a small garden.", "chosen": "Sow them.", "rejected": "No."},
    {"prompt": "Write a letter to my landlord.", "chosen": "Dear Sir.", "rejected": "No."},
    {"prompt": "- Boil the water.\n- Add the rice. Then wait.", "chosen": "Good.", "rejected": "No."},
    {"prompt": "   "},
]  # fmt: skip
QUICK = Options(sample=2, rates=("tflops=0.1",))


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub in place of the engine."""
    for module in ("translate.stage", "rescue.stage"):
        monkeypatch.setattr(f"mlc_data.{module}.load_translator", lambda _: StubTranslator())


@pytest.fixture
def planned(small: dict[str, Any], tmp_path: Path) -> Callable[..., Plan]:
    """Make the plan of a recipe whose run does not exist."""

    def make(options: Options = QUICK, **sections: Any) -> Plan:
        small["sources"]["prompts"]["path"] = str(write_jsonl(tmp_path / "prompts.jsonl", ROWS))
        for name, section in sections.items():
            small[name] = {**small.get(name, {}), **section}
        return make_plan(Run.of(parse_recipe(small, "test"), tmp_path / "none"), options)

    return make


TURNS = [
    {"role": "user", "content": "I have a balcony. It is small."},
    {"role": "assistant", "content": "How nice."},
    {"role": "user", "content": "Which herbs can I grow there?"},
]
CHATS = [*ROWS[:2], {"prompt": TURNS, "chosen": "Try mint. It spreads.", "rejected": "None."}]


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (ROWS, {}),
        (CHATS, {}),
        (CHATS, {"roles": ["user", "assistant"]}),
        (CHATS, {"fields": ["prompt", "chosen", "rejected"]}),
    ],
    ids=["prompts", "earlier turns", "of both roles", "responses"],
)
@pytest.mark.parametrize("read", [False, True], ids=["of the source", "of the run"])
def test_sentences_are_those_of_the_run(
    make_run: Callable[..., Run], rows: list[Any], settings: dict[str, Any], read: bool
) -> None:
    run = make_run(rows, translate=settings)
    if read:
        run_stages(run, "sources")
    found = make_plan(run, QUICK).translation

    run_stages(run, "translate")
    segments = pl.read_parquet(run.path("translations", "*.parquet"))["segments"].list.len().sum()
    assert (found.sentences, found.exact) == (2 * segments, True)


def test_nothing_is_sent_to_an_endpoint(planned: Callable[..., Plan]) -> None:
    endpoint = {"url": "http://127.0.0.1:9/v1", "model": "org/llm"}
    found = planned(translate={"model": "endpoint:llm", "endpoints": {"llm": endpoint}}).translation
    assert found.note == "not measured: texts would be sent to endpoint:llm"
    assert found.basis.startswith("stated")


def test_prompts_are_those_that_the_run_keeps(planned: Callable[..., Plan]) -> None:
    assert planned().inputs.prompts == 3


def test_nothing_is_written(planned: Callable[..., Plan], tmp_path: Path) -> None:
    planned()

    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]


def test_without_a_sample_the_rates_are_stated(planned: Callable[..., Plan]) -> None:
    found = planned(Options(sample=0))

    bases = [each.basis for name, each in found.times.items() if name in ("translate", "score")]
    assert all(basis.startswith("stated") for basis in bases)


def test_what_is_measured_says_on_how_many_prompts(planned: Callable[..., Plan]) -> None:
    assert planned().translation.basis == "measured on 2 prompts, this machine"


def test_requests_in_the_cache_are_counted_and_not_touched(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    run = make_run(ROWS, translate={"cache": str(tmp_path / "cache")})
    run_stages(run, "translate")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}

    found = make_plan(run, QUICK).translation
    assert (found.cached, found.seconds) == (found.requests, 0.0)
    assert before == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cache").iterdir()}


def test_a_dataset_of_the_hub_has_its_limit(planned: Callable[..., Plan]) -> None:
    source = {"hub": "someone/prompts", "limit": 30}
    found = planned(sources={"prompts": source})

    assert found.inputs.prompts == 30
    assert found.inputs.basis.startswith("at most: the recipe's limit")
    assert not found.translation.exact


def test_a_dataset_of_the_hub_without_a_limit_is_unknown(planned: Callable[..., Plan]) -> None:
    found = planned(sources={"prompts": {"hub": "someone/prompts"}})

    assert found.inputs.prompts is None
    assert {"sources", "translate", "score", "rescue", "align"} <= set(found.unknown)


def test_a_number_of_prompts_can_be_stated(planned: Callable[..., Plan]) -> None:
    rates = ("prompts=40", "pairs=40", "tflops=1")
    found = planned(Options(rates=rates), sources={"prompts": {"hub": "someone/prompts"}})

    assert found.inputs.prompts == 40
    assert found.times["align"].seconds is not None


def test_money_is_hours_times_price(planned: Callable[..., Plan]) -> None:
    found = planned(Options(sample=0, price=3.6))

    assert found.money == pytest.approx(found.seconds / 1000)


def test_the_licence_is_that_of_publish(planned: Callable[..., Plan]) -> None:
    source = {"path": "unused", "licence": "CC-BY-NC-4.0"}
    assert planned().licences[0].licence is None

    loaded = load_recipe("quickstart", ["sources.prompts.licence=CC-BY-NC-4.0"])
    found = make_plan(Run.of(loaded, Path("none")), Options(sample=0))
    assert [each.licence for each in found.licences] == [source["licence"]] * 2


def test_a_model_that_is_not_here_is_said_to_be_fetched(planned: Callable[..., Plan]) -> None:
    found = planned(align={"model": "someone/Model-1.5B"})

    base = next(model for model in found.models if model.role == "base")
    assert base.path is None
    assert found.disk.bytes > 2 * 1.5e9
    assert "is fetched" in found.licences[1].reason


def test_rates_are_checked() -> None:
    with pytest.raises(UsageError, match="did you mean tflops"):
        with_settings(stated(gpu=False), ["tflop=3"])
    with pytest.raises(UsageError, match="NAME=NUMBER"):
        with_settings(Rates(), ["tflops"])
    with pytest.raises(UsageError, match="tflops=fast"):
        with_settings(Rates(), ["tflops=fast"])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", 1.5e9),
        ("facebook/nllb-200-distilled-600M", 6e8),
        ("HuggingFaceTB/SmolLM2-135M", 1.35e8),
        ("google/gemma-3-270m-it", 2.7e8),
        ("someone/model", None),
        ("org-7B/model", None),
    ],
)
def test_parameters_are_read_from_names(name: str, number: float | None) -> None:
    assert named_parameters(name) == number


def test_training_every_weight_costs_sixteen_bytes_each() -> None:
    shape = Shape(7_000_000_000, 28, 3584, 152_000, "test")
    recipe = load_recipe("paper-nllb-600m", ["align.processes=1", "align.sharding=none"])
    adapters = load_recipe("recommended-qwen2.5-7b")

    assert training_memory(recipe, shape, "cuda").bytes > 16 * 7e9
    assert training_memory(adapters, shape, "cuda").bytes < 80e9


def test_offline_ends_with_its_block() -> None:
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    with offline():
        assert huggingface_hub.constants.HF_HUB_OFFLINE is True
    assert before == huggingface_hub.constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("recipe", ["demo-1gpu", "paper-nllb-600m"])
def test_shipped_recipes_are_planned_without_their_parts(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mlc-data", "plan", recipe, "--json"])

    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert json.loads(capsys.readouterr().out)["recipe"] == recipe
    assert not list(tmp_path.iterdir())
