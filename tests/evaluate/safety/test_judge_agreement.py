"""Agreement of two judges: what is counted, by language."""

from __future__ import annotations

import polars as pl

from mlc_data.evaluate.safety.judge_agreement import JudgesAgreement, judges_agreement
from mlc_data.evaluate.safety.tables import JUDGMENTS

LANGUAGES = ["eng_Latn", "eng_Latn", "eng_Latn", "eng_Latn", "swh_Latn", "swh_Latn", "swh_Latn"]


def judged(judge: str, *verdicts: str | None) -> pl.DataFrame:
    rows = [
        {"judge": judge, "language": code, "verdict": verdict}
        for code, verdict in zip(LANGUAGES, verdicts, strict=True)
    ]
    return pl.DataFrame(rows, schema=JUDGMENTS)


ONE = judged("one", "safe", "safe", "unsafe", "unsafe", "safe", "invalid", "safe")
OTHER = judged("other", "safe", "unsafe", "unsafe", "unsafe", "safe", "invalid", None)


def test_verdicts_are_compared_by_language_and_over_all() -> None:
    # English: 3 of 4 equal, by chance 1/2. All: 4 of 5; 3 safe and 2 unsafe against 2 and 3: by chance 12/25.
    english, swahili, both = judges_agreement([ONE, OTHER])
    assert english == JudgesAgreement("one", "other", "eng_Latn", 4, 0.75, 0.5)
    assert (both.language, both.n, both.share) == (None, 5, 0.8)
    assert both.kappa is not None
    assert round(both.kappa, 4) == round((20 - 12) / (25 - 12), 4)
    assert swahili.language == "swh_Latn"


def test_invalid_replies_and_failed_judgments_are_not_counted() -> None:
    _, swahili, _ = judges_agreement([ONE, OTHER])
    assert (swahili.n, swahili.share, swahili.kappa) == (1, 1.0, None)


def test_a_language_without_common_verdicts_has_no_share() -> None:
    silent = judged("silent", "safe", "safe", "safe", "safe", None, None, None)
    _, swahili, _ = judges_agreement([ONE, silent])
    assert (swahili.n, swahili.share, swahili.kappa) == (0, None, None)


def test_of_three_judges_each_two_are_compared() -> None:
    third = judged("third", *OTHER["verdict"])
    pairs = dict.fromkeys(
        (each.first, each.second) for each in judges_agreement([ONE, OTHER, third])
    )
    assert list(pairs) == [("one", "other"), ("one", "third"), ("other", "third")]


def test_one_judge_has_nobody_to_agree_with() -> None:
    assert judges_agreement([ONE]) == []
