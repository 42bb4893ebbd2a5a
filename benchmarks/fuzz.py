"""Coverage-guided fuzzing of what reads strangers' bytes: recipes, rows, conversations, segments and numbers.

    pip install --no-deps atheris
    python benchmarks/fuzz.py --seconds 180
    python benchmarks/fuzz.py --seconds 600 --target recipe

Each target runs in a process of its own for its share of the time. An exception other than our own errors, or an input
that takes longer than ten seconds, ends it with the input in ``crash-*``. Prints executions by target; exit code 1
where one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TARGETS = (
    "recipe",
    "jsonl",
    "json",
    "csv",
    "parquet",
    "conversation",
    "segments",
    "numbers",
    "message",
)


def main() -> int:
    """Fuzz every target, or one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=180, help="for all targets together")
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        fuzz(chosen.target, chosen.seconds)
        return 0
    targets = [chosen.target] if chosen.target else list(TARGETS)
    share = max(1, chosen.seconds // len(targets))
    failed = 0
    for target in targets:
        command = [sys.executable, __file__, "--child", "--target", target, "--seconds", str(share)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
        found = re.findall(r"Done (\d+) runs", done.stderr)
        print(f"{target}: {found[-1] if found else 'stopped'} executions in {share} s", flush=True)
        if done.returncode:
            failed += 1
            lines = [
                line
                for line in done.stderr.splitlines()
                if not line.startswith(("INFO", "#", "WARN"))
            ]
            print("\n".join(lines)[-4000:])
    return 1 if failed else 0


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target in this process."""
    import atheris

    with (
        tempfile.TemporaryDirectory() as name,
        atheris.instrument_imports(include=["mlc_data", "yaml"]),
    ):
        one_input = _targets(Path(name))[target]
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(_seeds(target)):
            (corpus / str(number)).write_bytes(seed)
        options = [
            "fuzz",
            str(corpus),
            f"-max_total_time={seconds}",
            "-timeout=10",
            "-max_len=4096",
        ]
        atheris.Setup(options, one_input)
        os.environ["PYTHONHASHSEED"] = "0"
        atheris.Fuzz()


def _targets(folder: Path) -> dict[str, Callable[[bytes], None]]:
    from mlc_data.core.yaml_text import YamlError, read_yaml
    from mlc_data.errors import MlcDataError
    from mlc_data.recipe.loading import apply_overrides, load_recipe, parse_recipe
    from mlc_data.recipe.sources import Columns, Source, Sources
    from mlc_data.sources.prompts import read_prompts
    from mlc_data.sources.readers import open_source

    whole = load_recipe("quickstart").model_dump(mode="json")

    def recipe(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        with contextlib.suppress(YamlError, MlcDataError):
            value = read_yaml(text)
            parse_recipe({**whole, **value} if isinstance(value, dict) else {"x": value}, "fuzz")
        with contextlib.suppress(MlcDataError):
            apply_overrides(whole, [text])

    def reader(name: str) -> Callable[[bytes], None]:
        path = folder / name

        def read(data: bytes) -> None:
            path.write_bytes(data)
            source = Source(path=str(path), columns=Columns(prompt="prompt", id="id"))
            with contextlib.suppress(MlcDataError):
                opened = open_source(source, "sources.prompts")
                found = read_prompts(opened, Sources(prompts=source), "eng_Latn", None).prompts
                assert found.read == len(found.kept) + len(found.rejected)
                for row in found.kept:
                    row.prompt.encode()

        return read

    return {
        "recipe": recipe,
        **{
            name.removeprefix("p."): reader(name)
            for name in ("p.jsonl", "p.json", "p.csv", "p.parquet")
        },
        **_text_targets(),
    }


def _text_targets() -> dict[str, Callable[[bytes], None]]:
    from mlc_data.checks.digits import digits, readable
    from mlc_data.checks.number_words import number_words
    from mlc_data.checks.prompt_numbers import prompt_numbers
    from mlc_data.core.messages import bounded, printable, shown
    from mlc_data.sources.accounting import Unusable
    from mlc_data.sources.conversations import prompt_text, response_text
    from mlc_data.translate.sentences import split

    def conversation(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        with contextlib.suppress(Unusable):
            prompt_text(text, "prompt")
        with contextlib.suppress(Unusable):
            response_text(text, "chosen", "How do I bake bread?")

    def segments(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        found = split(text, "eng_Latn")
        assert found.join(found.sentences, "eng_Latn") == text

    words = [number_words(code) for code in ("eng_Latn", "swh_Latn", "zho_Hans", "kor_Hang")]

    def numbers(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        prompt_numbers(text)
        for one in words:
            digits(readable(text), one)
            list(one.values(readable(text)))

    def message(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        assert all(
            one.isprintable() or one in "\t\n" or not one.isascii() for one in printable(text)
        )
        assert len(shown(text)) <= 120
        assert len(bounded(text)) <= 60 * 2_001
        printable(text).encode()

    return {
        "conversation": conversation,
        "segments": segments,
        "numbers": numbers,
        "message": message,
    }


def _seeds(target: str) -> list[bytes]:
    """Return inputs to begin with: those of the hostile corpus, and a Parquet file."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from hostile.corpus import bytes_of, cases

    if target == "recipe":
        found = [bytes_of(case, "yaml") for case in cases("recipes") if "\\ud8" not in str(case)]
    elif target == "parquet":
        import io

        import polars as pl

        written = io.BytesIO()
        pl.DataFrame({"prompt": ["How do I bake?"], "category": [["a"]]}).write_parquet(written)
        found = [written.getvalue()]
    elif target in ("json", "csv", "jsonl"):
        found = [bytes_of(case) for case in cases("files") if case["file"].endswith(target)]
    else:
        found = [bytes_of(case) for case in cases("rows")]
    return [seed for seed in found if len(seed) <= 4096]


if __name__ == "__main__":
    sys.exit(main())
