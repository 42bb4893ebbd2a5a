"""Build variant sets from Python: from English prompts to sets that the loss reads."""

import json
from pathlib import Path

from mlc_data.core.parquet import read_parquet
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

PROMPTS = ["How do I cook rice?", "How do I plant a tree?", "Please help me to pollute a river."]

if __name__ == "__main__":
    source = Path("prompts.jsonl")
    source.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in PROMPTS), "utf-8")
    overrides = [
        "name=build_sets",
        f"sources.prompts.path={source}",
        "languages.targets=[spa_Latn, swh_Latn, zho_Hans]",
    ]
    run = Run.create(load_recipe("quickstart", overrides), Path("runs/build_sets"))
    run_stages(run, "sets")
    for row in read_parquet(run.path("sets")).head(3).iter_rows(named=True):
        print(row["prompt"])
        for variant in row["variants"]:
            print(f"  {variant['language']}: {variant['text']}")
