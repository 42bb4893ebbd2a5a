"""Errors of the Hub are shown whole: what to do stands in their last lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlc_data.cli.doctor_hub import hub_model
from mlc_data.core import paths
from mlc_data.errors import ModelError, whole_message
from mlc_data.publish.calls import plain

GATED = (
    "403 Client Error. (Request ID: Root=1-2)\n\n"
    "Cannot access gated repo for url https://huggingface.co/org/name.\n"
    "Access to model org/name is restricted and you are not in the authorized list.\n"
    "First hint.\nSecond hint.\nThird hint.\n"
    "Visit https://huggingface.co/org/name to ask for access."
)


def test_all_lines_are_joined() -> None:
    assert whole_message(OSError("one\n\n  two\nthree\n")) == "one two three"
    assert whole_message(OSError()) == "OSError"


def test_a_model_that_is_gated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError(GATED)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(ModelError, match="to ask for access"):
        paths.model_location("org/name", "align.model")


def test_the_publisher_s_last_line_without_the_token() -> None:
    assert plain(ValueError(f"{GATED} with hf_secret"), "hf_secret").endswith(
        "access. with <token>"
    )


def test_doctor_shows_the_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def absent(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("not here")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(GATED)

    monkeypatch.setattr("huggingface_hub.snapshot_download", absent)
    monkeypatch.setattr("huggingface_hub.HfApi.repo_info", refuse)
    message, good = hub_model("org/name")
    assert not good
    assert "to ask for access" in message
