from pathlib import Path

import pytest

from mlc_data.core.model_card import UNKNOWN, read_license
from mlc_data.publish.license import LicenseError, Part, check_license


def card(folder: Path, head: str, before: str = "") -> Path:
    (folder / "README.md").write_text(f"{before}---\n{head}\n---\n# A model\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("head", "license"),
    [
        ("license: mit", "MIT"),
        ("license: [apache-2.0, mit]", "Apache-2.0 AND MIT"),
        ("license:\n- cc-by-4.0\n- cc-by-nc-4.0", "CC-BY-4.0 AND CC-BY-NC-4.0"),
        ("license: [mit]", "MIT"),
        ("license: [mit, null, mit]", "MIT"),
        ("license: []", UNKNOWN),
        ("license: null", UNKNOWN),
        ("license: other\nlicense_name: my-own", "my-own"),
        ("license: [other, mit]\nlicense_name: my-own", "my-own AND MIT"),
        ("license: [other, mit]", f"{UNKNOWN} AND MIT"),
        ("license: other", UNKNOWN),
        ("tags: [x]", UNKNOWN),
    ],
)
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_licenses_of_cards(head: str, license: str, before: str, tmp_path: Path) -> None:
    assert read_license(card(tmp_path, head, before)) == license


@pytest.mark.parametrize(
    ("head", "published"),
    [
        ("license: [apache-2.0, mit]", "Apache-2.0"),
        ("license: [mit, cc-by-nc-4.0]", "CC-BY-NC-4.0"),
        ("license: [cc0-1.0, cc-by-sa-4.0, mit]", "CC-BY-SA-4.0"),
    ],
)
def test_the_most_restrictive_of_a_card_s_licenses_decides(
    head: str, published: str, tmp_path: Path
) -> None:
    part = Part("translator", "a model", read_license(card(tmp_path, head)))
    decision = check_license([part])
    assert decision.license.id == published
    assert decision.license.hub == published.lower()


def test_no_license_of_a_list_can_be_left_out(tmp_path: Path) -> None:
    part = Part(
        "translator", "a model", read_license(card(tmp_path, "license: [mit, cc-by-nc-4.0]"))
    )
    with pytest.raises(LicenseError, match="non-commercial"):
        check_license([part], "MIT")


def test_a_license_of_a_list_without_a_name_is_unknown(tmp_path: Path) -> None:
    part = Part("translator", "a model", read_license(card(tmp_path, "license: [other, mit]")))
    with pytest.raises(LicenseError, match="not known"):
        check_license([part])
