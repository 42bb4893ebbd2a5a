"""Judges of the user's own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mlc_data.errors import UsageError
from mlc_data.evaluate.judges import Exchange, Judgment
from mlc_data.evaluate.judges.selection import check_judge, identify_judge, load_judge
from mlc_data.recipe.judges import Judge, JudgeSection

JUDGE: TypeAdapter[Any] = TypeAdapter(Judge)


class LongReplySection(JudgeSection):
    """Length of unsafe replies."""

    characters: int = 100
    """Longer replies are unsafe."""


class LongReply:
    section = LongReplySection
    id, revision, licence, batch_size = "long-reply", "1", "Apache-2.0", 8

    def __init__(self, settings: LongReplySection) -> None:
        self._characters = settings.characters

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        return [Judgment(len(each.reply) > self._characters, None) for each in exchanges]


class Mute:
    def __init__(self, settings: JudgeSection) -> None:
        pass


@pytest.fixture(autouse=True)
def as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """This file can be imported as ``custom_judges``."""
    monkeypatch.setitem(sys.modules, "custom_judges", sys.modules[__name__])


def test_it_judges_by_its_own_settings() -> None:
    settings = JUDGE.validate_python({"kind": "custom_judges:LongReply", "characters": 3})
    check_judge(settings, "key")
    judge = load_judge(settings, "key")
    exchanges = [Exchange("a", reply, "eng_Latn") for reply in ("long", "no")]
    assert [each.unsafe for each in judge.judge(exchanges)] == [True, False]


def test_its_settings_are_part_of_its_identity() -> None:
    identities = [
        identify_judge(JUDGE.validate_python({"kind": "custom_judges:LongReply", **given}), "key")
        for given in ({}, {"characters": 3})
    ]
    assert identities[0][0] == "long-reply"
    assert identities[0] != identities[1]


def test_a_section_is_written_and_read_again() -> None:
    settings = JUDGE.validate_python({"kind": "custom_judges:LongReply", "characters": 3})
    assert JUDGE.validate_python(JUDGE.dump_python(settings, mode="json")) == settings


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        JUDGE.validate_python({"kind": "custom_judges:LongReply", "words": 3})


def test_a_class_that_does_not_judge_is_refused() -> None:
    settings = JUDGE.validate_python({"kind": "custom_judges:Mute"})
    with pytest.raises(UsageError, match="Mute is not a Judge: it has no method judge"):
        check_judge(settings, "key")
