"""Throughput of the chat engine with many requests in flight, against one at a time in the same run.

    python benchmarks/chat_translator.py

A loopback server answers each request after a fixed delay, as a served model does.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from chat_server import ChatServer, says, serving

from mlc_data.core import console
from mlc_data.recipe.endpoints import ChatEngine
from mlc_data.translate.engines.base import Decoding, Request
from mlc_data.translate.engines.chat import ChatTranslator

GOAL = 20.0


def main() -> None:
    """Print requests a second and their ratio; exit 1 below the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=192)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds that an answer takes")
    options = parser.parse_args()
    with serving(says("¿Dónde está la calle?")) as server:
        server.delay = options.delay
        one = rate(server, 1, options.sentences // 16)
        many = rate(server, 32, options.sentences)
    console.out.print(f"1 in flight (baseline): {one:.1f} sentences/s")
    console.out.print(
        f"32 in flight: {many:.1f} sentences/s, ratio {many / one:.1f} (goal {GOAL:g})"
    )
    sys.exit(many / one < GOAL)


def rate(server: ChatServer, at_once: int, sentences: int) -> float:
    """Return sentences a second."""
    settings = ChatEngine(url=server.url, model="llm", at_once=at_once)
    engine = ChatTranslator("llm", settings, Decoding())
    requests = [
        Request(f"Where is street {number}?", "eng_Latn", "spa_Latn") for number in range(sentences)
    ]
    began = time.perf_counter()
    engine.translate(requests)
    return sentences / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
