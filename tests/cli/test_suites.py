"""`mlc-data suites`: names, sizes, licences and papers, without a network."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import UsageError
from mlc_data.evaluate.safety.suites import suites


def test_all_suites_are_listed_with_their_licences() -> None:
    shown = CliRunner().invoke(app, ["suites"]).stdout
    for suite in suites().values():
        assert suite.name in shown
        assert (suite.licence or "none found") in shown


def test_one_suite_is_shown_with_its_paper_and_languages() -> None:
    shown = " ".join(CliRunner().invoke(app, ["suites", "refuseu"]).stdout.split())
    assert "slv_Latn" in shown
    assert "2606.07535" in shown
    assert "No harmless half" in shown


def test_json_is_the_whole_table() -> None:
    shown = json.loads(CliRunner().invoke(app, ["suites", "--json"]).stdout)
    assert [one["name"] for one in shown] == list(suites())
    assert shown[0]["languages"]["sw"] == "swh_Latn"


def test_a_mistyped_name_is_corrected() -> None:
    done = CliRunner().invoke(app, ["suites", "xsafty"])
    assert isinstance(done.exception, UsageError)
    assert "Did you mean 'xsafety'?" in str(done.exception)
