"""The threshold explorer: what it says a moved limit keeps is what the checks then keep."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from mlc_data.checks.preview import preview
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import apply_overrides, parse_recipe
from mlc_data.report.page.context import Facts
from mlc_data.report.page.limits import Origin, page_limits
from mlc_data.report.page.thresholds import (
    STEPS,
    Explored,
    Histogram,
    Thresholds,
    _edges,
    thresholds,
)


@pytest.fixture(scope="module")
def explored(plain_run: Run) -> Thresholds:
    facts = Facts(plain_run)
    return thresholds(facts, page_limits(facts))


def kept(limit: Explored, own: Histogram, place: int) -> int:
    """Variants that a threshold at an edge keeps, as the page's script counts them."""
    passing = own.alone[: place + 1] if limit.upper else own.alone[place + 1 :]
    return own.always + sum(passing)


def kept_by_checks(run: Run, override: str, language: str) -> int:
    """Variants that the checks keep with ``--set override``."""
    data = apply_overrides(run.recipe.model_dump(mode="json"), [override])
    flips = preview(Run(parse_recipe(data, "test"), run.folder)).table.filter(language=language)
    now = run.manifest.counts.by_language
    assert now is not None
    gained = (flips["after"] == "kept").sum()
    return now[language].kept + gained - (flips.height - gained)


def moved(explored: Thresholds) -> Iterator[tuple[Explored, str, int]]:
    """A stricter and a looser edge of every limit, in turn of the languages."""
    for number, limit in enumerate(explored.limits):
        code = list(limit.languages)[number % len(limit.languages)]
        for share in (0.25, 0.75):
            yield limit, code, round(share * (len(limit.edges) - 1))


def test_a_moved_limit_keeps_what_the_checks_then_keep(
    explored: Thresholds, plain_run: Run
) -> None:
    wrong = []
    differing = 0
    for limit, code, place in moved(explored):
        said = kept(limit, limit.languages[code], place)
        override = f"{limit.key}.{code}={limit.edges[place]}"
        true = kept_by_checks(plain_run, override, code)
        now = (plain_run.manifest.counts.by_language or {})[code].kept
        differing += true != now
        if said != true:
            wrong.append((override, said, true))
    assert not wrong
    assert differing > 5


def test_at_the_present_limit_the_kept_variants_are_counted(
    explored: Thresholds, plain_run: Run
) -> None:
    counts = plain_run.manifest.counts.by_language or {}
    for limit in explored.limits:
        for code, own in limit.languages.items():
            if own.bound is not None and own.bound in limit.edges:
                assert kept(limit, own, limit.edges.index(own.bound)) == counts[code].kept, (
                    limit.key
                )


def test_every_variant_with_a_text_is_in_every_histogram(
    explored: Thresholds, plain_run: Run
) -> None:
    counts = plain_run.manifest.counts.by_language or {}
    limit = next(each for each in explored.limits if each.key == "checks.length.max_ratio")
    for code, own in limit.languages.items():
        texts = counts[code].requested - sum(counts[code].failed.values())
        assert sum(own.alone) + sum(own.others) + sum(own.excused) == texts


def test_excused_variants_are_kept_at_any_limit(explored: Thresholds) -> None:
    histograms = [own for limit in explored.limits for own in limit.languages.values()]
    assert sum(sum(own.excused) for own in histograms) > 0
    assert all(own.always >= sum(own.excused) for own in histograms)


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0.0, 1.0, [0.7]),
        (0.0, 100.0, [64.3]),
        (-2.0, 2.0, [0.5, math.inf]),
        (3.0, 3.0, [3.0]),
        (0.0, 0.0, [math.inf]),
        (1e-7, 2e-7, [0.0]),
        (0.0, 123456.0, [10.0]),
    ],
)
def test_edges_are_numbers_of_few_digits_over_the_whole_range(
    low: float, high: float, bounds: list[float]
) -> None:
    edges = _edges(low, high, bounds)
    finite = [low, high, *(bound for bound in bounds if math.isfinite(bound))]
    assert edges[0] <= min(finite)
    assert edges[-1] >= max(finite)
    assert edges == sorted(set(edges))
    assert 2 <= len(edges) <= STEPS + 3
    assert all(float(repr(edge)) == edge and len(repr(edge)) <= 9 for edge in edges)


def test_a_limit_of_the_recipe_is_told_from_a_default(plain_run: Run) -> None:
    data = apply_overrides(
        plain_run.recipe.model_dump(mode="json"), ["checks.length.max_ratio.swh_Latn=2.75"]
    )
    facts = Facts(Run(parse_recipe(data, "test"), plain_run.folder))
    limit = next(each for each in page_limits(facts) if each.key == "checks.length.max_ratio")
    assert limit.origins["swh_Latn"] == Origin.RECIPE
    assert limit.origins["spa_Latn"] == Origin.DEFAULT


def test_limits_of_the_run_are_told(plain_run: Run) -> None:
    origins = {
        origin for limit in page_limits(Facts(plain_run)) for origin in limit.origins.values()
    }
    assert origins & {Origin.RUN, Origin.ABSTAINS}
