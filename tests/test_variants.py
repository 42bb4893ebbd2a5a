import polars as pl
import pytest

from mlc_data.hashing import prompt_id
from mlc_data.recipe import AtLeast, Sets
from mlc_data.records import PROMPTS
from mlc_data.variants import assemble, split_of

TARGETS = ("spa_Latn", "swh_Latn", "zho_Hans")
PROMPT_ROWS = pl.DataFrame(
    [[id_, id_.upper(), None, None, None, row, None] for row, id_ in enumerate("abcd")],
    schema=PROMPTS,
    orient="row",
)
KEPT = pl.DataFrame(
    {
        "prompt_id": ["a", "a", "a", "b", "b", "c"],
        "language": ["zho_Hans", "spa_Latn", "swh_Latn", "swh_Latn", "spa_Latn", "zho_Hans"],
        "text": ["1", "2", "3", "4", "5", "6"],
    }
)


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [
        ("all", "a", {"incomplete": 2, "no_variants": 1}),
        (AtLeast(at_least=2), "ab", {"incomplete": 1, "no_variants": 1}),
        ("mask", "abc", {"no_variants": 1}),
    ],
)
def test_completeness(policy: AtLeast | str, kept: str, dropped: dict[str, int]) -> None:
    settings = Sets.model_validate({"completeness": policy})
    sets, found = assemble(PROMPT_ROWS, KEPT, settings, TARGETS)
    assert "".join(sets["prompt_id"]) == kept
    assert found == dropped


def test_variants_stand_in_the_order_of_the_targets_and_the_rest_is_named() -> None:
    sets, _ = assemble(PROMPT_ROWS, KEPT, Sets(completeness="mask"), TARGETS)
    rows = {row["prompt_id"]: row for row in sets.iter_rows(named=True)}
    assert [variant["language"] for variant in rows["a"]["variants"]] == list(TARGETS)
    assert rows["b"]["missing"] == ["zho_Hans"]
    assert rows["c"]["variants"] == [{"language": "zho_Hans", "text": "6"}]


def test_a_split_depends_on_the_id_alone_and_has_about_its_share() -> None:
    ids = [prompt_id(str(number)) for number in range(4000)]
    test = [id_ for id_ in ids if split_of(id_, 0.2) == "test"]
    assert 0.17 < len(test) / len(ids) < 0.23
    assert set(test) <= {id_ for id_ in ids if split_of(id_, 0.3) == "test"}
    assert not [id_ for id_ in ids if split_of(id_, 0.0) == "test"]
    assert all(split_of(id_, 1.0) == "test" for id_ in ids)
