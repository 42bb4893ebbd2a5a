"""The license check: the strictest license, refusals, declarations and rights."""

import pytest

from mlc_data.publish.license import LicenseError, Part, check_license, declare, parse


def parts(*licenses: str) -> list[Part]:
    return [Part(f"part{number}", "a file", name) for number, name in enumerate(licenses)]


@pytest.mark.parametrize(
    ("licenses", "strictest"),
    [
        (["MIT"], "MIT"),
        (["CC0-1.0", "MIT"], "MIT"),
        (["MIT", "Apache-2.0", "CC-BY-4.0"], "CC-BY-4.0"),
        (["Apache-2.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0"),
        (["cc-by-nc-4.0", "CC-BY-4.0", "CC0-1.0"], "CC-BY-NC-4.0"),
        (["CC-BY-SA-4.0", "MIT"], "CC-BY-SA-4.0"),
        (["CC-BY-SA-3.0", "CC-BY-SA-4.0"], "CC-BY-SA-4.0"),
        (["CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"], "CC-BY-NC-SA-4.0"),
        (["ODbL-1.0", "MIT"], "ODbL"),
        (["MIT AND CC-BY-NC-4.0", "Apache-2.0"], "CC-BY-NC-4.0"),
        (["gemma", "MIT"], "gemma"),
    ],
)
def test_the_strictest_is_written(licenses: list[str], strictest: str) -> None:
    for order in (licenses, licenses[::-1]):
        decision = check_license(parts(*order))
        assert decision.license.id == strictest
        assert decision.objections == ()


@pytest.mark.parametrize(
    ("licenses", "wanted", "told"),
    [
        (["CC-BY-NC-4.0"], "MIT", "non-commercial"),
        (["CC-BY-NC-4.0", "Apache-2.0"], "CC-BY-SA-4.0", "non-commercial"),
        (["CC-BY-4.0"], "CC0-1.0", "attribution"),
        (["CC-BY-SA-4.0"], "CC-BY-NC-SA-4.0", "works derived from it must have that license"),
        (["CC-BY-SA-4.0"], "CC-BY-SA-3.0", "works derived from it must have that license"),
        (["GPL-3.0-only"], "Apache-2.0", "works derived from it must have that license"),
        (["CC-BY-NC-4.0"], "my-company-terms", "non-commercial"),
        (["gemma"], "Apache-2.0", "only that license has them"),
    ],
)
def test_a_laxer_one_is_refused_and_rights_are_shown(
    licenses: list[str], wanted: str, told: str
) -> None:
    with pytest.raises(LicenseError, match=told) as refused:
        check_license(parts(*licenses), wanted)
    assert "--i-have-the-rights" in str(refused.value)
    assert "part0" in str(refused.value)
    decision = check_license(parts(*licenses), wanted, "written leave of the authors")
    assert decision.license.id == wanted
    assert decision.rights == "written leave of the authors"
    assert told in " ".join(decision.objections)


@pytest.mark.parametrize(
    ("licenses", "wanted"),
    [
        (["MIT"], "CC-BY-NC-4.0"),
        (["CC0-1.0"], "GPL-3.0"),
        (["CC-BY-SA-3.0"], "CC-BY-SA-4.0"),
        (["CC-BY-NC-4.0"], "CC-BY-NC-SA-4.0"),
    ],
)
def test_a_stricter_one_may_be_chosen(licenses: list[str], wanted: str) -> None:
    assert check_license(parts(*licenses), wanted).license.id == wanted


@pytest.mark.parametrize(
    ("licenses", "told"),
    [
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "works derived from it must have that license"),
        (["CC-BY-SA-4.0", "GPL-3.0"], "works derived from it must have that license"),
        (["CC-BY-ND-4.0"], "no derivatives"),
        (["gemma", "llama3"], "only that license has them"),
        (["gemma", "CC-BY-SA-4.0"], "CC-BY-SA-4.0 allows no further restrictions"),
        (["gemma", "my terms"], "whose terms are not known here"),
    ],
)
def test_licenses_that_exclude_each_other_are_refused(licenses: list[str], told: str) -> None:
    for order in (licenses, licenses[::-1]):
        with pytest.raises(LicenseError, match=told) as refused:
            check_license(parts(*order))
        assert "No single license satisfies" in str(refused.value)
        assert check_license(parts(*order), rights="they are all mine").objections


def test_an_unknown_license_is_named_and_must_be_declared_even_by_those_with_rights() -> None:
    made = [Part("prompts", "mine.jsonl", "unknown"), Part("translator", "nllb", "CC-BY-NC-4.0")]
    for rights in (None, "all mine"):
        with pytest.raises(LicenseError, match=r"mine\.jsonl.*--declare prompts=") as refused:
            check_license(made, "MIT", rights)
        assert "nllb" not in str(refused.value)
    told = declare(made, {"prompts": "CC-BY-4.0"})
    assert told[0].declared
    assert not told[1].declared
    assert check_license(told).license.id == "CC-BY-NC-4.0"


def test_what_is_known_cannot_be_declared_away() -> None:
    made = [Part("translator", "nllb", "CC-BY-NC-4.0")]
    with pytest.raises(LicenseError, match=r"says CC-BY-NC-4\.0 itself"):
        declare(made, {"translator": "MIT"})
    with pytest.raises(LicenseError, match="no such part; there are translator"):
        declare(made, {"prompts": "MIT"})
    with pytest.raises(LicenseError, match="is not a license"):
        declare([Part("prompts", "x", "unknown")], {"prompts": "unknown"})


def test_a_part_that_is_only_partly_known_is_unknown() -> None:
    with pytest.raises(LicenseError, match="not known"):
        check_license(parts("MIT AND unknown"))


def test_rights_need_a_reason() -> None:
    with pytest.raises(LicenseError, match="needs a reason"):
        check_license(parts("MIT"), None, "  ")


@pytest.mark.parametrize(
    ("name", "hub"),
    [("Apache-2.0", "apache-2.0"), ("GPL-3.0-only", "gpl-3.0"), ("odbl-1.0", "odbl"),
     ("CC-BY-NC-4.0", "cc-by-nc-4.0"), ("my terms", "other"), ("Apache License, Version 2.0", "apache-2.0"),
     ("MIT License", "mit"), ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"), ("The Unlicense", "unlicense"),
     ("MIT License with restrictions", "other"), ("license", "other")],
)  # fmt: skip
def test_the_hubs_identifier(name: str, hub: str) -> None:
    assert parse(name).hub == hub
