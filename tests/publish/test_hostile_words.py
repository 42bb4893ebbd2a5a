"""Words of publishers and names of files in cards: text stays text, in one line."""

from __future__ import annotations

import pytest

from mlc_data.core.manifest import ModelRecord
from mlc_data.publish.checkpoint import rewrite
from mlc_data.publish.hub import Pushed, Target
from mlc_data.publish.license import LicenseError, Part, check_license, parse

SCRIPT = "<script>alert(1)</script>"
CARD = "---\nlicense: mit\n---\n# A model\n"


@pytest.mark.parametrize(
    "name",
    [
        "MIT\nlicense: x",
        SCRIPT,
        "",
        "  ",
        "a\x1b[31m",
        "x" * 101,
        "a\u2028b",
        "a\x00",
        "CC-BY-4.0<br>",
    ],
)
def test_no_license_has_such_a_name(name: str) -> None:
    with pytest.raises(LicenseError, match="is not a license"):
        parse(name)


@pytest.mark.parametrize("name", ["my-terms", "Company terms 1.0 (internal)", "Lizenz für Bäcker"])
def test_a_license_may_have_a_name_of_its_own(name: str) -> None:
    assert parse(name).id == name


def test_the_checkpoint_s_card_opens_no_html() -> None:
    parts = [Part("prompts", f"{SCRIPT}.jsonl", "CC-BY-NC-4.0")]
    decision = check_license(parts, "MIT", f"{SCRIPT}\n\n# Mine")
    base = ModelRecord(id="org/base", revision="1", licence="MIT")
    data = Pushed("org/data", "dataset", revision="1", url="https://example.org/data", changed=True)
    card = rewrite(CARD, base, decision, Target("org/model", "model"), data)
    assert "<script" not in card
    assert "&lt;script" in card
    assert "\n# Mine" not in card
