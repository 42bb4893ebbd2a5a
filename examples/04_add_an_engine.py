"""Add a translation engine of your own: here one that writes every sentence backwards."""

from pathlib import Path

from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.translate import Decoding, Hypothesis


class Backwards:
    """An engine has these members; `mlc_data.translate.Translator` describes them."""

    id, revision, licence = "backwards", "1", "Apache-2.0"
    languages = frozenset({"eng_Latn", "swh_Latn"})
    decoding = Decoding()

    def __init__(self, settings):  # the recipe's section `translate`
        self.settings = {}  # other values that decide a translation: part of cache keys

    def part(self, source, target):
        return self

    def translate(self, requests, done=None, decoding=None):
        results = [Hypothesis(each.text[::-1], log_prob=None, unknown_share=0) for each in requests]
        if done:
            done(range(len(results)), results)  # finished translations go to the cache
        return results

    def translate_nbest(self, requests, decoding):
        return [[hypothesis] for hypothesis in self.translate(requests)]


if __name__ == "__main__":
    engine = "translate={model: backwards, family: '04_add_an_engine:Backwards', cache: null}"
    small = ["name=backwards", "languages.targets=[swh_Latn]", "sources.prompts.limit=5"]
    run = Run.create(load_recipe("quickstart", [*small, engine]), Path("runs/backwards"))
    run_stages(run, "translate")
    print(run.manifest.models["translator"])
