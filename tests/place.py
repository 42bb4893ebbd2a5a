"""Where the tests of the whole road run their commands."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from mlc_data.core.manifest import Manifest, read_manifest

# Fewer languages and steps than the quickstart, so that the road takes about a minute.
SHORT = (
    "sources.preferences.limit=40",
    "languages.targets=[spa_Latn,swh_Latn,arb_Arab,zho_Hans]",
    "sets.completeness={at_least: 3}",
    "align.max_steps=4",
    "align.loss.every=2",
    "evaluate.max_sets=12",
    "evaluate.safety.max_new_tokens=8",
)


@dataclass(frozen=True)
class Place:
    """Where the commands of these tests run: an empty folder and a cache of its own."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "MLC_DATA_CACHE": str(self.folder / "cache"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            "HF_HUB_OFFLINE": "1",
            "NO_COLOR": "1",
        }
        return {**os.environ, **own}

    def command(self, *arguments: str, short: bool = True) -> list[str]:
        program = (
            [sys.executable, "-c", "from mlc_data.cli.main import main; main()"]
            if not arguments[0].startswith("mlc_data.flows.")
            else [sys.executable, "-m"]
        )
        settings = [part for key in SHORT for part in ("--set", key)] if short else []
        return [*program, *arguments, *settings]

    def run(
        self, *arguments: str, short: bool = True, code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments, short=short),
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            timeout=400,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def manifest(self, run: str = "runs/quickstart") -> Manifest:
        return read_manifest(self.folder / run / "manifest.json")


@dataclass(frozen=True)
class Walked:
    """The place and what the first walk said."""

    place: Place
    output: str
    log: str

    @property
    def run(self) -> Path:
        return self.place.folder / "runs" / "quickstart"
