"""Ctrl-C is one message, also where no command is at work yet."""

from __future__ import annotations

from typing import NoReturn

import pytest

from mlc_data.cli import main


def test_before_the_command_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(**_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "app", interrupted)
    with pytest.raises(SystemExit, match="130"):
        main.main()
    assert "stopped; what was finished is kept" in capsys.readouterr().err
