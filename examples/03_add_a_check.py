"""Add a check of your own: reject variants that are too long for a text message."""

from pathlib import Path

import polars as pl

from mlc_data.checks import ByLanguage, Check, CheckSection, at_most, by_language
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe


class MessageSection(CheckSection):
    """Length of a variant as a text message."""

    max_characters: ByLanguage = by_language(160, zho_Hans=70)
    """Greatest number of characters."""


class Message(Check):
    """Characters of the variant."""

    name = "message"
    section = MessageSection
    scores = ("message_characters",)
    limits = (at_most("message_characters", "max_characters"),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``message_characters``."""
        return rows.select(message_characters=pl.col("text").str.len_chars())


if __name__ == "__main__":
    # In a recipe:  checks: {custom: {message: {use: "03_add_a_check:Message", max_characters: 60}}}
    custom = "checks.custom.message={use: '03_add_a_check:Message', max_characters: 60}"
    recipe = load_recipe("quickstart", ["name=message", "sources.prompts.limit=20", custom])
    run_stages(run := Run.create(recipe, Path("runs/message")), "check")
    rejected = pl.read_parquet(run.path("rejected/variants.parquet"), glob=False)["reason"]
    print(rejected.value_counts())
