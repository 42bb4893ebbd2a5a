"""Bilingual models, and a model of many languages, as one translator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_models
from pydantic import ValidationError

from mlc_data.errors import ModelError
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.cache.store import open_cache
from mlc_data.translate.convert import convert
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.routed import RoutedTranslator
from mlc_data.translate.stage import load_for_languages

TEXT = "How do I bake bread?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name in ("opus-mt-en-sw", "opus-mt-sw-en", "opus-mt-en-es"):
        convert(str(tiny_models.marian(root / name)), root / "ct2" / name)
    tiny_models.m2m100(root / "m2m100", "mit")
    convert(str(root / "m2m100"), root / "ct2" / "m2m100")
    return root / "ct2"


def routed(folder: Path, **settings: Any) -> RoutedTranslator:
    named: dict[str, Any] = {
        "models": {
            "swh_Latn": str(folder / "opus-mt-en-sw"),
            "spa_Latn": str(folder / "opus-mt-en-es"),
            "zho_Hans": str(folder / "m2m100"),
        },
        "back_models": {
            "swh_Latn": str(folder / "opus-mt-sw-en"),
            "spa_Latn": str(folder / "m2m100"),
            "zho_Hans": str(folder / "m2m100"),
        },
    }
    found = load_translator(
        Translate.model_validate({"beam_size": 2, "max_output_tokens": 8, **named, **settings})
    )
    assert isinstance(found, RoutedTranslator)
    return found


def test_each_pair_goes_to_its_model_and_order_is_kept(folder: Path) -> None:
    both = routed(folder)
    requests = [
        Request(f"{text} {number}", *pair)
        for number, text in enumerate(tiny_models.TEXTS)
        for pair in (
            ("eng_Latn", "swh_Latn"),
            ("swh_Latn", "eng_Latn"),
            ("eng_Latn", "zho_Hans"),
            ("eng_Latn", "spa_Latn"),
            ("spa_Latn", "eng_Latn"),
        )
    ]
    told: dict[int, Hypothesis] = {}
    found = both.translate(requests, lambda i, h: told.update(zip(i, h, strict=True)))
    assert [told[index] for index in range(len(requests))] == found
    for request, hypothesis in zip(requests, found, strict=True):
        part = both.part(request.source, request.target)
        assert part.translate([request]) == [hypothesis]
    names = {
        pair: Path(both.part(*pair).id).name
        for pair in {(request.source, request.target) for request in requests}
    }
    assert names == {
        ("eng_Latn", "swh_Latn"): "opus-mt-en-sw",
        ("swh_Latn", "eng_Latn"): "opus-mt-sw-en",
        ("eng_Latn", "zho_Hans"): "m2m100",
        ("eng_Latn", "spa_Latn"): "opus-mt-en-es",
        ("spa_Latn", "eng_Latn"): "m2m100",
    }
    nbest = both.translate_nbest(
        requests[:3], Decoding(beam_size=3, num_hypotheses=3, max_output_tokens=8)
    )
    assert [len(several) for several in nbest] == [3, 3, 3]


def test_id_revision_and_licence_list_every_part(folder: Path) -> None:
    both = routed(folder)
    parts = {both.part("eng_Latn", "swh_Latn"), both.part("eng_Latn", "zho_Hans")}
    assert both.licence == "CC-BY-4.0 AND MIT"
    assert all(part.id in both.id and part.revision in both.revision for part in parts)
    assert both.id.count(" + ") == 3  # m2m100, named three times, is one


def test_a_pair_without_a_model_is_refused_before_anything_is_translated(folder: Path) -> None:
    both = routed(folder, back_models={"swh_Latn": str(folder / "opus-mt-sw-en")})
    asked: list[int] = []
    good = Request(TEXT, "eng_Latn", "swh_Latn")
    with pytest.raises(ModelError, match=r"no model from eng_Latn to fra_Latn: name one as"):
        both.translate([good, Request(TEXT, "eng_Latn", "fra_Latn")], lambda i, _: asked.extend(i))
    with pytest.raises(ModelError, match=r"translate\.back_models\.spa_Latn"):
        both.translate([Request(TEXT, "spa_Latn", "eng_Latn")])
    assert not asked


def test_a_run_that_lacks_the_way_back_is_told_before_it_starts(
    folder: Path, small: dict[str, Any]
) -> None:
    small["languages"]["targets"] = ["swh_Latn", "spa_Latn"]
    small["translate"] = {
        "models": {
            "swh_Latn": str(folder / "opus-mt-en-sw"),
            "spa_Latn": str(folder / "opus-mt-en-es"),
        },
        "back_models": {"swh_Latn": str(folder / "opus-mt-sw-en")},
    }
    with pytest.raises(ModelError, match=r"no model from spa_Latn to eng_Latn"):
        _loaded(small)
    small["translate"]["round_trip"] = False
    assert _loaded(small).languages >= {"eng_Latn", "spa_Latn"}


def test_a_model_named_for_a_language_that_it_lacks_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"translate\.models\.swh_Latn: .*not translate into swh"):
        routed(folder, models={"swh_Latn": str(folder / "opus-mt-en-es")}, back_models=None)
    with pytest.raises(ModelError, match=r"back_models\.swh_Latn: .*not translate from swh_Latn"):
        routed(folder, back_models={"swh_Latn": str(folder / "opus-mt-en-sw")})
    with pytest.raises(ModelError, match=r"translate\.models\.spa_Latn: .*does not exist"):
        routed(folder, models={"spa_Latn": "./none"}, back_models=None)


def test_another_model_for_one_language_leaves_the_others_in_the_cache(
    folder: Path, tmp_path: Path
) -> None:
    swahili, spanish = (Request(TEXT, "eng_Latn", code) for code in ("swh_Latn", "spa_Latn"))
    made = Hypothesis("x", -0.1, 0.0)
    with open_cache(str(tmp_path), routed(folder)) as cache:
        assert cache is not None
        cache.put({swahili: made, spanish: made})
    changed = routed(
        folder,
        models={
            "swh_Latn": str(folder / "opus-mt-en-sw"),
            "spa_Latn": str(folder / "m2m100"),
        },
        back_models=None,
    )
    with open_cache(str(tmp_path), changed) as cache:
        assert cache is not None
        assert cache.get([swahili, spanish]) == {swahili: made}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "exactly one of"),
        ({"model": "a", "models": {"swh_Latn": "b"}}, "exactly one of"),
        ({"models": {}}, "names no model"),
        ({"model": "a", "back_models": {"swh_Latn": "b"}}, "go with"),
        ({"models": {"swh_Latn": "b"}, "revision": "c"}, "@commit"),
        ({"model": "a", "inter_threads": -1}, "greater than or equal to 0"),
    ],
)
def test_recipes_that_contradict_themselves(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Translate.model_validate(settings)


def test_languages_of_models_are_flores_codes(small: dict[str, Any]) -> None:
    from mlc_data.errors import RecipeError

    small["translate"] = {"models": {"sw": "x"}}
    with pytest.raises(RecipeError, match="write swh_Latn"):
        parse_recipe(small, "test")


def _loaded(data: Any) -> Any:
    recipe = parse_recipe(data, "test")
    return load_for_languages(recipe, recipe.translate)
