"""Sandbox in which the end-to-end tests run commands, with a folder and a cache of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlc_data.core.manifest import Manifest, read_manifest

# Fewer languages, steps and replies than the quickstart, so that a run takes half a minute.
SHORT = (
    "sources.preferences.limit=24",
    "languages.targets=[spa_Latn,swh_Latn,arb_Arab,zho_Hans]",
    "sets.completeness={at_least: 3}",
    "align.max_steps=4",
    "align.loss.every=2",
    "evaluate.max_sets=6",
    "evaluate.safety.prompts=[{harmless: [cooking, garden, learning, everyday, home], limit: 2}]",
    "evaluate.safety.max_new_tokens=8",
)
COMMAND_SECONDS = 600


@dataclass(frozen=True)
class CliSandbox:
    """Working folder and environment of the commands of a test.

    Attributes:
        folder: where they run.
        server: environment that reaches a Prefect server; without it each flow starts its own.
    """

    folder: Path
    server: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "MLC_DATA_CACHE": str(self.folder / "cache"),
            "PREFECT_HOME": str(self.folder / "prefect"),
            # A busy machine starts the temporary server slowly.
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "240",
            "HF_HUB_OFFLINE": "1",
            "NO_COLOR": "1",
        }
        return {**os.environ, **own, **self.server}

    def command(self, *arguments: str, short: bool = True) -> list[str]:
        """Return the command line of `mlc-data <arguments>`, or of a module ``mlc_data.flows.<name>``.

        Args:
            arguments: begin with a command, or with the name of a flow's module.
            short: with the settings `SHORT`.
        """
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
        """Run a command to its end; it must exit with ``code``."""
        completed = subprocess.run(
            self.command(*arguments, short=short),
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert completed.returncode == code, completed.stdout + completed.stderr
        return completed

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command with the settings `SHORT`, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def manifest(self, run: str = "runs/quickstart") -> Manifest:
        return read_manifest(self.folder / run / "manifest.json")


@dataclass(frozen=True)
class QuickstartRun:
    """A finished run of the shortened quickstart, and what the command printed."""

    sandbox: CliSandbox
    output: str
    log: str

    @property
    def folder(self) -> Path:
        return self.sandbox.folder / "runs" / "quickstart"
