"""Licenses of models that restrict use: beside the license of the data, with their notice, or adapters alone."""

from __future__ import annotations

import re

import pytest
from hub_rules import LICENCES

from mlc_data.publish.card import license_head
from mlc_data.publish.license import LicenseError, Part, check_license
from mlc_data.publish.use_restrictions import find_restriction, restrictions


def translated(license: str, prompts: str = "CC-BY-NC-4.0") -> list[Part]:
    return [Part("prompts", "p.jsonl", prompts), Part("translator", "a model", license)]


def trained(base: str, *, data: str, carried: bool = True) -> list[Part]:
    return [Part("base", "a model", base, carried=carried), *translated("MIT", data)]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gemma", "gemma"),
        ("Gemma Terms of Use", "gemma"),
        ("translategemma", None),
        ("llama2", "llama"),
        ("llama3.3", "llama"),
        ("llama-3.1-community-license", "llama"),
        ("META LLAMA 3 COMMUNITY LICENSE AGREEMENT", "llama"),
        ("openrail++", "rail"),
        ("bigscience-bloom-rail-1.0", "rail"),
        ("CreativeML Open RAIL-M", "rail"),
        ("tencent-hunyuan-community", "tencent"),
        ("trailing-license", None),
        ("Apache-2.0", None),
        ("my terms", None),
    ],
)
def test_licenses_are_found_by_identifier_and_by_name(name: str, family: str | None) -> None:
    found = find_restriction(name)
    assert (found.family if found else None) == family


@pytest.mark.parametrize(
    ("name", "teaches"),
    [
        ("llama2", False),
        ("llama3", False),
        ("llama-3-community", False),
        ("llama3.1", True),
        ("Llama 3.2 Community License", True),
        ("llama4", True),
        ("hunyuan-mt", False),
        ("openrail", True),
    ],
)
def test_outputs_may_or_may_not_teach_other_models(name: str, teaches: bool) -> None:
    found = find_restriction(name)
    assert found is not None
    assert found.teaches == teaches


def test_identifiers_are_those_of_the_hub() -> None:
    assert {name for each in restrictions() for name in each.hub} <= set(LICENCES)


@pytest.mark.parametrize("license", ["gemma", "llama3.1", "openrail", "bigcode-openrail-m"])
@pytest.mark.parametrize("data", ["CC-BY-NC-4.0", "CC-BY-NC-4.0 AND MIT"])
def test_they_stand_beside_the_license_of_the_data(license: str, data: str) -> None:
    for parts in (translated(license, data), translated(license, data)[::-1]):
        decision = check_license(parts)
        assert decision.name == f"CC-BY-NC-4.0 AND {license}"
        assert decision.objections == ()


def test_the_card_shows_notice_and_address_once() -> None:
    both = [*translated("gemma"), Part("second_translator", "b", "gemma")]
    decision = check_license(both)
    (notice,) = decision.notices
    assert "Gemma Terms of Use" in notice
    assert "https://ai.google.dev/gemma/terms" in notice


def test_metadata_name_both_and_link_to_the_terms() -> None:
    head = license_head(check_license(translated("openrail++")))
    assert head["license"] == "other"
    assert head["license_name"] == "cc-by-nc-4.0-and-openrail"
    assert re.fullmatch(r"[a-z0-9.-]+", head["license_name"])
    assert head["license_link"].startswith("https://")


def test_alone_it_is_an_identifier_of_the_hub() -> None:
    assert license_head(check_license(translated("gemma", "MIT"))) == {"license": "gemma"}


@pytest.mark.parametrize("license", ["llama3", "tencent-hunyuan-community"])
def test_outputs_for_its_own_models_only_are_refused_as_data(license: str) -> None:
    with pytest.raises(LicenseError, match="may improve no models but its own"):
        check_license(translated(license))


def test_outputs_may_improve_a_model_of_the_same_family() -> None:
    parts = [Part("base", "llama", "llama3"), *translated("llama3", "MIT")]
    assert check_license(parts).license.id == "llama3"


def test_a_base_s_license_stands_beside_that_of_the_data() -> None:
    assert check_license(trained("llama3", data="CC-BY-NC-4.0")).name == "CC-BY-NC-4.0 AND llama3"


def test_share_alike_data_leave_adapters_alone() -> None:
    with pytest.raises(LicenseError, match=r"(?s)no further restrictions.*align\.merge: false"):
        check_license(trained("gemma", data="CC-BY-SA-4.0"))
    decision = check_license(trained("gemma", data="CC-BY-SA-4.0", carried=False))
    assert decision.license.id == "CC-BY-SA-4.0"
    assert decision.name == "CC-BY-SA-4.0 AND gemma"


def test_adapters_are_no_way_out_of_other_conflicts() -> None:
    with pytest.raises(LicenseError, match="No single license satisfies"):
        check_license(
            [*trained("gemma", data="CC-BY-SA-4.0"), Part("preferences", "x", "CC-BY-NC-4.0")]
        )


def test_the_data_s_terms_are_not_lost_by_choosing_the_model_s_license() -> None:
    with pytest.raises(LicenseError, match="asks for non-commercial; gemma does not"):
        check_license(translated("gemma"), "gemma")
