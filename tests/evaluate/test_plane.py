"""The plane of held-out states."""

from __future__ import annotations

import torch

from mlc_data.evaluate.plane import MOST_SETS, STATES, plane

CODES = ("eng_Latn", "swh_Latn")


def line(sets: int) -> torch.Tensor:
    """States on a line in a space of many dimensions: sets far apart, languages near each other."""
    direction = torch.linspace(1, 2, 7)
    places = torch.arange(sets)[:, None] * 10.0 + torch.tensor([0.0, 1.0])
    return places[..., None] * direction


def test_points_on_a_line_stay_on_one_in_their_order() -> None:
    states = line(4)
    table = plane("before", states, torch.ones(4, 2, dtype=torch.bool), list("abcd"), CODES)
    assert dict(table.schema) == STATES
    places = table["x"].to_list()
    assert places in (sorted(places), sorted(places, reverse=True))
    assert max(map(abs, table["y"].to_list())) <= 1


def test_a_missing_text_is_no_point() -> None:
    present = torch.tensor([[True, True], [True, False], [True, True]])
    table = plane("after", line(3), present, list("abc"), CODES)
    assert table.select("prompt_id", "language").rows() == [
        ("a", "eng_Latn"), ("a", "swh_Latn"), ("b", "eng_Latn"), ("c", "eng_Latn"), ("c", "swh_Latn"),
    ]  # fmt: skip


def test_the_sign_of_a_component_does_not_matter() -> None:
    present = torch.ones(4, 2, dtype=torch.bool)
    first, mirrored = (
        plane("before", sign * line(4), present, list("abcd"), CODES) for sign in (1, -1)
    )
    assert (first["x"] - mirrored["x"]).abs().max() == 0


def test_two_texts_span_no_plane() -> None:
    present = torch.tensor([[True, True]])
    assert plane("before", line(1), present, ["a"], CODES).is_empty()


def test_only_so_many_sets_are_kept() -> None:
    present = torch.ones(100, 2, dtype=torch.bool)
    table = plane("before", line(100), present, [str(n) for n in range(100)], CODES)
    assert table["prompt_id"].n_unique() == MOST_SETS
