"""The gate: which licence comes out, what is refused, and what it takes to go on."""

import pytest

from mlc_data.publish.license import LicenceError, Part, declare, gate, parse


def parts(*licences: str) -> list[Part]:
    return [Part(f"part{number}", "a file", name) for number, name in enumerate(licences)]


@pytest.mark.parametrize(
    ("licences", "strictest"),
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
def test_the_strictest_is_written(licences: list[str], strictest: str) -> None:
    for order in (licences, licences[::-1]):
        granted = gate(parts(*order))
        assert granted.licence.id == strictest
        assert granted.objections == ()


@pytest.mark.parametrize(
    ("licences", "wanted", "told"),
    [
        (["CC-BY-NC-4.0"], "MIT", "non-commercial"),
        (["CC-BY-NC-4.0", "Apache-2.0"], "CC-BY-SA-4.0", "non-commercial"),
        (["CC-BY-4.0"], "CC0-1.0", "attribution"),
        (["CC-BY-SA-4.0"], "CC-BY-NC-SA-4.0", "must go out under that licence"),
        (["CC-BY-SA-4.0"], "CC-BY-SA-3.0", "must go out under that licence"),
        (["GPL-3.0-only"], "Apache-2.0", "must go out under that licence"),
        (["CC-BY-NC-4.0"], "my-company-terms", "non-commercial"),
        (["gemma"], "Apache-2.0", "only that licence repeats them"),
    ],
)
def test_a_laxer_one_is_refused_and_rights_are_shown(
    licences: list[str], wanted: str, told: str
) -> None:
    with pytest.raises(LicenceError, match=told) as refused:
        gate(parts(*licences), wanted)
    assert "--i-have-the-rights" in str(refused.value)
    assert "part0" in str(refused.value)
    granted = gate(parts(*licences), wanted, "written leave of the authors")
    assert granted.licence.id == wanted
    assert granted.rights == "written leave of the authors"
    assert told in " ".join(granted.objections)


@pytest.mark.parametrize(
    ("licences", "wanted"),
    [
        (["MIT"], "CC-BY-NC-4.0"),
        (["CC0-1.0"], "GPL-3.0"),
        (["CC-BY-SA-3.0"], "CC-BY-SA-4.0"),
        (["CC-BY-NC-4.0"], "CC-BY-NC-SA-4.0"),
    ],
)
def test_a_stricter_one_may_be_chosen(licences: list[str], wanted: str) -> None:
    assert gate(parts(*licences), wanted).licence.id == wanted


@pytest.mark.parametrize(
    ("licences", "told"),
    [
        (["CC-BY-SA-4.0", "CC-BY-NC-4.0"], "must go out under that licence"),
        (["CC-BY-SA-4.0", "GPL-3.0"], "must go out under that licence"),
        (["CC-BY-ND-4.0"], "no derivatives"),
        (["gemma", "llama3"], "only that licence repeats them"),
        (["gemma", "CC-BY-NC-4.0"], "only that licence repeats them"),
    ],
)
def test_licences_that_exclude_each_other_are_refused(licences: list[str], told: str) -> None:
    for order in (licences, licences[::-1]):
        with pytest.raises(LicenceError, match=told) as refused:
            gate(parts(*order))
        assert "No single licence" in str(refused.value)
        assert gate(parts(*order), rights="they are all mine").objections


def test_an_unknown_licence_is_named_and_must_be_declared_even_by_those_with_rights() -> None:
    made = [Part("prompts", "mine.jsonl", "unknown"), Part("translator", "nllb", "CC-BY-NC-4.0")]
    for rights in (None, "all mine"):
        with pytest.raises(LicenceError, match=r"mine\.jsonl.*--declare prompts=") as refused:
            gate(made, "MIT", rights)
        assert "nllb" not in str(refused.value)
    told = declare(made, {"prompts": "CC-BY-4.0"})
    assert told[0].declared
    assert not told[1].declared
    assert gate(told).licence.id == "CC-BY-NC-4.0"


def test_what_is_known_cannot_be_declared_away() -> None:
    made = [Part("translator", "nllb", "CC-BY-NC-4.0")]
    with pytest.raises(LicenceError, match=r"says CC-BY-NC-4\.0 itself"):
        declare(made, {"translator": "MIT"})
    with pytest.raises(LicenceError, match="no such part; there are translator"):
        declare(made, {"prompts": "MIT"})
    with pytest.raises(LicenceError, match="names no licence"):
        declare([Part("prompts", "x", "unknown")], {"prompts": "unknown"})


def test_a_part_that_is_only_partly_known_is_unknown() -> None:
    with pytest.raises(LicenceError, match="not known"):
        gate(parts("MIT AND unknown"))


def test_rights_need_a_reason() -> None:
    with pytest.raises(LicenceError, match="needs a reason"):
        gate(parts("MIT"), None, "  ")


@pytest.mark.parametrize(
    ("name", "hub"),
    [("Apache-2.0", "apache-2.0"), ("GPL-3.0-only", "gpl-3.0"), ("odbl-1.0", "odbl"),
     ("CC-BY-NC-4.0", "cc-by-nc-4.0"), ("my terms", "other")],
)  # fmt: skip
def test_the_hubs_identifier(name: str, hub: str) -> None:
    assert parse(name).hub == hub
