"""Right variants whose back-translation says the same in other words: how many are kept?

    python benchmarks/experiments/synonyms.py [--data ../shared/data] [--lines 150]

The variants are those of ``unseen_faults.py``: everyday prompts in four languages and, with ``--data``, human news
translations in every language of ``ntrex/``. Of the words of the prompt that `OTHER_WORDS` has, as many are replaced as
make up 15 % or 30 % of all its words, or all of them if they are fewer. The table was written for this benchmark and
was not used to write the checks.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from unseen_faults import FIRST, Variant, own_prompts, table, whole

from mlc_data.checks.run_limits import measure, with_run_limits
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_rows
from mlc_data.language_id.loading import load_identifiers
from mlc_data.recipe.loading import load_recipe

SHARES = (0.0, 0.15, 0.3)
OTHER_WORDS: dict[str, str] = {
    "fix": "mend", "explain": "tell me", "looks": "appears", "bigger": "larger", "near": "close to",
    "short": "brief", "plant": "grow", "garden": "yard", "ideas": "suggestions", "give": "offer",
    "grandmother": "grandma", "party": "celebration", "neighbour's": "neighbor's", "night": "nighttime",
    "cannot": "can't", "difference": "distinction", "safe": "harmless", "eat": "consume", "little": "bit of",
    "describe": "tell me about", "best": "ideal", "route": "way", "cycling": "biking", "boil": "cook",
    "like": "prefer", "story": "tale", "learns": "starts", "turn": "become", "autumn": "fall",
    "help": "assist", "write": "draft", "letter": "note", "complain": "protest", "broken": "defective",
    "pack": "bring", "week": "seven days", "mountains": "hills", "people": "folks", "clocks": "watches",
    "invented": "devised", "suggest": "recommend", "quiet": "calm", "replies": "answers", "messages": "texts",
    "menu": "dishes", "parents": "mother and father", "teach": "train", "parrot": "bird", "happens": "occurs",
    "body": "organism", "climate": "weather", "learn": "study", "paying": "spending money", "lessons": "classes",
    "find": "discover", "plan": "organise", "cheap": "inexpensive", "students": "pupils", "exercises": "workouts",
    "strengthen": "fortify", "long": "lengthy", "house": "home", "said": "stated", "says": "states",
    "told": "informed", "big": "large", "year": "twelve months", "years": "twelve-month periods",
    "company": "firm", "companies": "firms", "police": "officers", "government": "authorities", "man": "guy",
    "women": "ladies", "children": "kids", "killed": "slain", "died": "passed away", "attack": "assault",
    "officials": "authorities", "workers": "employees", "money": "cash", "began": "started", "start": "begin",
    "started": "began", "show": "display", "shows": "displays", "showed": "displayed", "believe": "think",
    "think": "believe", "made": "produced", "make": "produce", "get": "obtain", "got": "obtained",
    "need": "require", "needs": "requires", "want": "wish", "wants": "wishes", "wanted": "wished",
    "many": "numerous", "several": "some", "important": "significant", "clear": "obvious", "major": "main",
    "new": "novel", "old": "aged", "good": "fine", "great": "excellent", "bad": "poor", "small": "little",
    "quickly": "rapidly", "quick": "fast", "problem": "issue", "problems": "issues", "country": "nation",
    "countries": "nations", "world": "globe", "city": "town", "home": "house", "job": "position",
    "jobs": "positions", "work": "labour", "working": "labouring", "team": "squad", "match": "game",
    "game": "match", "games": "matches", "win": "victory", "won": "gained", "victory": "win",
    "players": "sportsmen", "fans": "supporters", "car": "automobile", "cars": "automobiles", "road": "street",
    "street": "road", "shop": "store", "buy": "purchase", "bought": "purchased", "sell": "market",
    "price": "cost", "prices": "costs", "deal": "agreement", "agreement": "deal", "talks": "negotiations",
    "meeting": "gathering", "leader": "head", "leaders": "heads", "report": "account", "reported": "announced",
    "announced": "declared", "statement": "declaration", "added": "continued", "called": "named",
    "asked": "questioned", "answer": "reply", "friend": "pal", "friends": "pals", "family": "relatives",
    "movie": "film", "film": "movie", "song": "tune", "picture": "photo", "photos": "pictures",
    "trial": "court case", "crime": "offence", "prison": "jail", "jail": "prison", "injured": "hurt",
    "hurt": "injured", "ill": "sick", "doctor": "physician", "doctors": "physicians", "hospital": "clinic",
    "increase": "rise", "rise": "increase", "fell": "dropped", "drop": "fall", "lost": "mislaid",
    "stop": "halt", "stopped": "halted", "end": "finish", "ended": "finished", "close": "shut",
    "huge": "enormous", "tiny": "minute", "difficult": "hard", "hard": "difficult", "easy": "simple",
    "often": "frequently", "always": "constantly", "perhaps": "maybe", "however": "nevertheless",
    "also": "too", "about": "regarding", "around": "about", "nearly": "almost", "almost": "nearly",
}  # fmt: skip
"""What a translator back may say instead of a word."""
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def main() -> None:
    """Print a line for each set and language."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--lines", type=int, default=150, help="lines of NTREX a language")
    options = parser.parse_args()
    for name, variants in sets(options.data, options.lines):
        print(name, *measured(variants), sep=" | ", flush=True)


def sets(data: Path | None, count: int) -> Iterator[tuple[str, list[Variant]]]:
    """Yield right variants of one language, and their name."""
    prompts = own_prompts()
    for code in sorted({one.language for one in prompts}):
        yield f"prompts {code}", [one for one in prompts if one.language == code]
    if data is None:
        return
    source = (data / "ntrex/eng_Latn.txt").read_text(encoding="utf-8").splitlines()
    for path in sorted((data / "ntrex").glob("???_*.txt")):
        texts = path.read_text(encoding="utf-8").splitlines()
        pairs = list(zip(source, texts, strict=True))[FIRST : FIRST + count]
        if path.stem != "eng_Latn":
            yield f"news {path.stem}", [Variant(prompt, path.stem, text) for prompt, text in pairs]


def measured(variants: Sequence[Variant]) -> Iterator[str]:
    """Yield for each share how many are kept, and which checks reject the others."""
    recipe = load_recipe("quickstart")
    identifiers = load_identifiers(recipe.checks.language_identifiers)
    for share in SHARES:
        chance = random.Random(5)
        backs = [in_other_words(one.prompt, share, chance) for one in variants]
        rows = table([whole(one, back) for one, (back, _) in zip(variants, backs, strict=True)])
        ready = prepare(build_checks(recipe, identifiers), lambda rows=rows: iter([rows]))
        limits = measure(ready, lambda rows=rows: iter([rows]))
        decided = build_checks(with_run_limits(recipe, limits), identifiers)
        given = score_rows(ready, rows).select(reasons=reasons(decided))["reasons"]
        kept = 1 - float((given.list.len() > 0).mean())  # type: ignore[arg-type]
        why = given.explode().drop_nulls().value_counts(sort=True).rows()
        replaced = sum(done for _, done in backs) / len(backs)
        yield f"{replaced:.0%} replaced: {kept:.3f} kept ({', '.join(f'{n} {k}' for n, k in why)})"


def in_other_words(prompt: str, share: float, chance: random.Random) -> tuple[str, float]:
    """Return the prompt in other words, and the share of its words that were replaced."""
    found = list(_WORD.finditer(prompt))
    known = [word for word in found if word.group().lower() in OTHER_WORDS]
    chosen = chance.sample(known, min(len(known), round(share * len(found))))
    for word in sorted(chosen, key=lambda one: -one.start()):
        prompt = prompt[: word.start()] + OTHER_WORDS[word.group().lower()] + prompt[word.end() :]
    return prompt, len(chosen) / max(1, len(found))


if __name__ == "__main__":
    main()
