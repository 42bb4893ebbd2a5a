"""Translation engine for tests that end a run while it translates: it takes minutes, and no processor's time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NoReturn

from mlc_data.translate.engines.base import Decoding, Hypothesis, Request

SECONDS = 900


class Waiting:
    """Engine of `translate.family: waiting_engine:Waiting` that knows the quickstart's languages."""

    id, revision, licence = "waiting", "1", "Apache-2.0"
    languages = frozenset(
        {
            "eng_Latn",
            "spa_Latn",
            "fra_Latn",
            "deu_Latn",
            "rus_Cyrl",
            "swh_Latn",
            "arb_Arab",
            "zho_Hans",
        }
    )
    decoding = Decoding()

    def __init__(self, settings: Any) -> None:
        self.settings: dict[str, Any] = {}

    def part(self, source: str, target: str) -> Waiting:
        return self

    def translate(self, requests: Sequence[Request], *_: Any, **__: Any) -> NoReturn:
        for _second in range(SECONDS):
            time.sleep(1)
        raise TimeoutError("nobody has ended this run")

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        return []
