"""The published folder: tables, card, checksums, and no local folders."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml
from datasets import load_dataset
from hub_rules import faults_of_card
from hub_state import LoopbackHub
from huggingface_hub import DatasetCard
from published_run import WORDS
from support import forget_stages

from mlc_data.core.manifest import read_manifest
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.license import LicenseError
from mlc_data.publish.publication import to_folder
from mlc_data.publish.record import Publication, read_publication
from mlc_data.recipe.loading import load_recipe
from mlc_data.report.page import bring_up_to_date
from mlc_data.variant_sets import split_of

Make = Callable[..., Run]
MINE = LicenseRequest()


def head_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return told


def test_a_folder_loads_as_both_configurations(
    tmp_path: Path, finished: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = finished(), tmp_path / "out"
    made = to_folder(run, folder, MINE)
    cache = str(tmp_path / "cache")
    sets = load_dataset(str(folder), "sets", cache_dir=cache)
    variants = load_dataset(str(folder), "variants", cache_dir=cache)
    assert made.rows == {
        "sets": {split: rows.num_rows for split, rows in sets.items()},
        "variants": {split: rows.num_rows for split, rows in variants.items()},
    }
    assert sum(made.rows["sets"].values()) == len(WORDS)
    assert sum(made.rows["variants"].values()) == 2 * len(WORDS) + len(WORDS) // 2
    for data in (sets, variants):
        for split, rows in data.items():
            assert {split_of(one, 0.3) for one in rows["prompt_id"]} == {split}
    # No prompt of one split is in the other, across the configurations too.
    assert not set(sets["test"]["prompt_id"]) & set(variants["train"]["prompt_id"])


def test_shards_hold_at_most_so_many_rows_and_are_named_by_their_number(
    tmp_path: Path, finished: Make
) -> None:
    to_folder(finished(shard_rows=4), tmp_path / "out", MINE)
    for config in ("sets", "variants"):
        for split in ("train", "test"):
            files = sorted((tmp_path / "out" / config).glob(f"{split}-*"))
            names = [f"{split}-{n:05d}-of-{len(files):05d}.parquet" for n in range(len(files))]
            assert [file.name for file in files] == names
            heights = [pl.read_parquet(file).height for file in files]
            assert all(height == 4 for height in heights[:-1])
            assert 0 < heights[-1] <= 4


def test_a_split_without_rows_is_left_out(tmp_path: Path, finished: Make) -> None:
    # `datasets` would refuse the whole configuration.
    split = str(split_of(_id(WORDS[0]), 0.3))
    made = to_folder(finished(WORDS[:1]), tmp_path / "out", MINE)
    assert made.rows == {"sets": {split: 1}, "variants": {split: 2}}
    for config, rows in (("sets", 1), ("variants", 2)):
        loaded = load_dataset(str(tmp_path / "out"), config, cache_dir=str(tmp_path / "cache"))
        assert {name: one.num_rows for name, one in loaded.items()} == {split: rows}


def test_a_run_without_sets_is_not_published(tmp_path: Path, finished: Make) -> None:
    with pytest.raises(UsageError, match="no variant set"):
        to_folder(finished([]), tmp_path / "out", MINE)


def _id(word: str) -> str:
    from published_run import prompt

    from mlc_data.core.hashing import prompt_id

    return prompt_id(prompt(word))


def test_the_same_run_gives_the_same_hash_and_another_does_not(
    tmp_path: Path, finished: Make
) -> None:
    first = to_folder(finished(), tmp_path / "a", MINE)
    again = to_folder(finished(name="again"), tmp_path / "b", MINE)
    assert first.content_hash == again.content_hash
    others = [
        to_folder(finished(WORDS[:9], name="x"), tmp_path / "c", MINE),
        to_folder(finished(name="y", translator="MIT"), tmp_path / "d", MINE),
        to_folder(finished(name="z"), tmp_path / "e", LicenseRequest("MIT", "they are mine")),
        to_folder(finished(name="w", shard_rows=5), tmp_path / "f", MINE),
    ]
    assert len({first.content_hash, *(one.content_hash for one in others)}) == 5


def test_the_hash_does_not_depend_on_the_place(tmp_path: Path, finished: Make) -> None:
    run = finished()
    hashes = [
        to_folder(run, tmp_path / "a", MINE).content_hash,
        to_folder(run, tmp_path / "b", MINE, "org/name").content_hash,
        to_folder(run, tmp_path / "c", MINE, dry=True).content_hash,
    ]
    assert len(set(hashes)) == 1


def test_a_dry_run_writes_nothing(tmp_path: Path, finished: Make) -> None:
    made = to_folder(finished(), tmp_path / "out", MINE, dry=True)
    assert made.rows["sets"]
    assert not (tmp_path / "out").exists()


def test_the_record_fits_its_schema(tmp_path: Path, finished: Make) -> None:
    to_folder(finished(), tmp_path / "out", MINE)
    schema = Path(__file__).parent.parent.parent / "schemas" / "publication.schema.json"
    told = json.loads((tmp_path / "out" / "publication.json").read_text())
    jsonschema.validate(told, json.loads(schema.read_text()))


def test_the_checksums_are_those_of_sha256sum(tmp_path: Path, finished: Make) -> None:
    made = to_folder(finished(), tmp_path / "out", MINE)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path / "out",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {
        file.relative_to(tmp_path / "out").as_posix()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file()
    }
    assert found == set(made.files)
    assert done.stdout.count(": OK") == len(found) - 2


def test_no_folder_of_this_machine_is_told(tmp_path: Path, finished: Make) -> None:
    run = finished()
    to_folder(run, tmp_path / "out", MINE)
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert b"/home/somebody" not in file.read_bytes(), file
            assert str(tmp_path).encode() not in file.read_bytes(), file
    recipe = load_recipe(str(tmp_path / "out" / "recipe.yaml"))
    assert recipe.sources.prompts.path == "prompts.jsonl"
    assert recipe.languages == run.recipe.languages
    assert read_manifest(tmp_path / "out" / "manifest.json").counts == run.manifest.counts


def test_a_folder_is_replaced_whole_and_a_foreign_one_is_left_alone(
    tmp_path: Path, finished: Make
) -> None:
    out = tmp_path / "out"
    to_folder(finished(), out, MINE)
    to_folder(finished(WORDS[:8], name="other"), out, MINE)
    assert sum(load_rows(out).values()) == 8
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a published data set"):
        to_folder(finished(), foreign, MINE)
    assert [file.name for file in foreign.iterdir()] == ["thesis.txt"]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(LicenseError):
        to_folder(finished(), out, LicenseRequest("MIT"))
    assert sorted(tmp_path.iterdir()) == before
    assert sum(load_rows(out).values()) == 8


def load_rows(folder: Path) -> dict[str, int]:
    made = read_publication((folder / "publication.json").read_bytes(), "here")
    return made.rows["sets"]


def test_a_run_that_was_tampered_with_is_not_published(tmp_path: Path, finished: Make) -> None:
    run = finished()
    file = next(iter(run.path("sets").glob("train-*")))
    pl.read_parquet(file).with_columns(prompt=pl.lit("else")).write_parquet(file)
    with pytest.raises(MlcDataError, match="was changed since the stage 'sets'"):
        to_folder(run, tmp_path / "out", MINE)
    run = finished(name="other")
    forget_stages(run, "sets")
    with pytest.raises(UsageError, match="'sets' is not done"):
        to_folder(run, tmp_path / "out", MINE)


def test_a_recipe_that_is_newer_than_the_run_is_told(tmp_path: Path, finished: Make) -> None:
    run = finished()
    text = run.path("recipe.yaml").read_text()
    run.path("recipe.yaml").write_text(text.replace("test_share: 0.3", "test_share: 0.4"))
    with pytest.raises(UsageError, match="is not the recipe"):
        to_folder(Run.open(run.folder), tmp_path / "out", MINE)


def test_the_card_passes_the_hubs_own_validation(
    tmp_path: Path, finished: Make, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    to_folder(finished(), tmp_path / "out", MINE)
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    card.validate()
    assert hub.count("POST", "/validate-yaml") == 1
    card.data.license = "my-own"
    card.data.language = ["zh-Hans"]
    with pytest.raises(ValueError, match=r"license.*language"):
        card.validate()


@pytest.mark.parametrize(
    ("license", "hub_license", "name"),
    [("CC-BY-NC-SA-4.0", "cc-by-nc-sa-4.0", None), ("My Own Terms", "other", "my-own-terms")],
)
def test_the_head_of_the_card(
    tmp_path: Path, finished: Make, license: str, hub_license: str, name: str | None
) -> None:
    to_folder(
        finished(), tmp_path / "out", LicenseRequest(license, "leave of the authors"), "org/name"
    )
    head = head_of(tmp_path / "out")
    assert faults_of_card((tmp_path / "out" / "README.md").read_text(), "dataset") == []
    assert head["license"] == hub_license
    assert head.get("license_name") == name
    assert head["language"] == ["en", "es", "sw", "zh"]
    assert head["language_bcp47"] == ["en", "es", "sw", "zh-Hans"]
    assert head["size_categories"] == ["n<1K"]
    assert [one["config_name"] for one in head["configs"]] == ["sets", "variants"]
    assert "not-for-all-audiences" in head["tags"]
    assert "harmful" in head["extra_gated_prompt"]


def test_the_card_says_how_the_data_were_made(tmp_path: Path, finished: Make) -> None:
    run = finished()
    request = LicenseRequest("CC-BY-4.0", "written leave of the authors of nllb")
    to_folder(run, tmp_path / "out", request, "org/name")
    card = (tmp_path / "out" / "README.md").read_text()
    hashes = run.manifest.content_hash
    for told in (
        "Content warning", str(hashes.sets), str(hashes.variants), run.manifest.recipe_hash,
        "`nllb-ct2`, revision `abc123`, license CC-BY-NC-4.0", "min_ratio:", "test_share: 0.3",
        '"written leave of the authors of nllb"', "asks for non-commercial",
        'load_dataset("org/name", "sets")', "9 rows have both",
        "| swh_Latn | Swahili | sw | 12 | 6 | 6 | 0 | 50.0 % |",
        "Swahili (swh_Latn, 50.0 %)",
    ):  # fmt: skip
        assert told in card, told
    assert card.index("swh_Latn | Swahili") < card.index("spa_Latn | Spanish")
    assert "Spanish (spa_Latn, " not in card


def test_an_undeclared_license_stops_and_a_declared_one_is_shown(
    tmp_path: Path, finished: Make
) -> None:
    run = finished(licence=None)
    with pytest.raises(LicenseError, match="--declare prompts="):
        to_folder(run, tmp_path / "out", MINE)
    with pytest.raises(LicenseError, match="no such part"):
        to_folder(run, tmp_path / "out", LicenseRequest(declared={"promts": "MIT"}))
    assert not (tmp_path / "out").exists()
    made = to_folder(run, tmp_path / "out", LicenseRequest(declared={"prompts": "Apache-2.0"}))
    assert made.licence == "CC-BY-NC-4.0"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "`prompts.jsonl` | Apache-2.0 (as declared by the publisher) |" in card
    assert "`nllb-ct2` | CC-BY-NC-4.0 |" in card


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(MlcDataError, match="not a record of format"):
        read_publication(b'{"format_version": 99}', "org/name/publication.json")
    made = Publication.make(
        "card", kind="dataset", name="x", content={}, licence="MIT", parts=[],
        recipe_hash="0", files=[],
    )  # fmt: skip
    assert read_publication(made.model_dump_json().encode(), "here") == made


def test_a_report_is_published_only_while_it_is_up_to_date(tmp_path: Path, finished: Make) -> None:
    run = finished()
    bring_up_to_date(run)
    assert "report.html" in to_folder(run, tmp_path / "a", MINE).files
    assert "report.html" not in to_folder(run, tmp_path / "b", MINE, report=False).files
    manifest = run.manifest
    manifest.stages["sets"].finished = "later"
    with run.locked():
        run.store(manifest)
    assert "report.html" not in to_folder(run, tmp_path / "c", MINE).files


def test_a_published_report_names_no_folder_of_this_machine(tmp_path: Path, finished: Make) -> None:
    run = finished()
    bring_up_to_date(run)
    to_folder(run, tmp_path / "out", MINE)
    page = (tmp_path / "out" / "report.html").read_bytes()
    assert str(tmp_path).encode() not in page
    assert b"/home/somebody" not in page


def test_the_card_shows_the_kept_translations_as_a_picture(tmp_path: Path, finished: Make) -> None:
    made = to_folder(finished(), tmp_path / "out", MINE)
    drawn = (tmp_path / "out" / "kept.svg").read_text()
    assert "](kept.svg)" in (tmp_path / "out" / "README.md").read_text()
    assert "kept.svg" in made.files
    assert ">Swahili<" in drawn
    assert str(tmp_path) not in drawn


def test_without_charts_the_card_has_the_table_alone(
    tmp_path: Path, finished: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlc_data.core.charts.can_draw", lambda: False)
    made = to_folder(finished(), tmp_path / "out", MINE)
    assert "kept.svg" not in (tmp_path / "out" / "README.md").read_text()
    assert "kept.svg" not in made.files
