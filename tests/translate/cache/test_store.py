import sqlite3
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import pytest
from support import StubTranslator

from mlc_data.core.records import FailureReason
from mlc_data.errors import MlcDataError
from mlc_data.translate.cache.store import FILE, open_cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request

REQUEST = Request("How?", "eng_Latn", "swh_Latn")


def test_what_was_put_is_found_again(tmp_path: Path) -> None:
    failed = Request("too long", "eng_Latn", "swh_Latn")
    made = {
        REQUEST: Hypothesis("Vipi?", -0.25, 0.5),
        failed: Hypothesis(None, None, 0.0, FailureReason.SEGMENT_TOO_LONG),
    }
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache is not None
        assert cache.get(list(made)) == {}
        cache.put(made)
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache is not None
        assert cache.get([*made, Request("new", "eng_Latn", "swh_Latn")]) == made


@pytest.mark.parametrize(
    "changed", ["revision", "settings", "decoding", "text", "source", "target"]
)
def test_anything_that_decides_the_text_changes_the_key(changed: str, tmp_path: Path) -> None:
    request, translator = REQUEST, StubTranslator()
    with open_cache(str(tmp_path), translator) as cache:
        assert cache is not None
        cache.put({request: Hypothesis("Vipi?", -0.25, 0.0)})
    if changed == "revision":
        translator.revision = "2"
    elif changed == "settings":
        translator.settings["compute_type"] = "int8"
    elif changed == "decoding":
        translator.decoding = Decoding(beam_size=5)
    else:
        fields = {"text": request.text, "source": request.source, "target": request.target}
        request = Request(**{**fields, changed: "spa_Latn"})
    with open_cache(str(tmp_path), translator) as cache:
        assert cache is not None
        assert cache.get([request]) == {}


def test_a_decoding_of_its_own_has_hypotheses_of_its_own(tmp_path: Path) -> None:
    other = Decoding(no_repeat_ngram_size=3)
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache is not None
        cache.put({REQUEST: Hypothesis("Vipi?", -0.25, 0.0)})
        assert cache.get([REQUEST], other) == {}
        cache.put({REQUEST: Hypothesis("Namna gani?", -0.5, 0.0)}, other)
        assert cache.get([REQUEST])[REQUEST].text == "Vipi?"
        assert cache.get([REQUEST], StubTranslator().decoding)[REQUEST].text == "Vipi?"
        assert cache.get([REQUEST], other)[REQUEST].text == "Namna gani?"


def test_more_requests_than_sqlite_takes_at_once(tmp_path: Path) -> None:
    made = {
        Request(str(number), "eng_Latn", "swh_Latn"): Hypothesis(str(number), -0.1, 0.0)
        for number in range(2500)
    }
    with open_cache(str(tmp_path), StubTranslator()) as cache:
        assert cache is not None
        cache.put(made)
        assert cache.get(list(made)) == made


def _put(folder: str, worker: int) -> None:
    with open_cache(folder, StubTranslator()) as cache:
        assert cache is not None
        for number in range(50):
            request = Request(f"{worker} {number}", "eng_Latn", "swh_Latn")
            cache.put({request: Hypothesis("x", -0.1, 0.0)})


@pytest.mark.integration
def test_several_processes_write_at_once(tmp_path: Path) -> None:
    context = get_context("spawn")
    workers = [context.Process(target=_put, args=(str(tmp_path), n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    rows = sqlite3.connect(tmp_path / FILE).execute("SELECT count(*) FROM hypotheses").fetchone()
    assert rows == (150,)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database" * 100)
    with (
        pytest.raises(MlcDataError, match="cannot be used"),
        open_cache(str(tmp_path), StubTranslator()),
    ):
        pass


def test_no_cache() -> None:
    with open_cache(None, StubTranslator()) as cache:
        assert cache is None


@pytest.mark.integration
def test_many_may_open_a_new_cache_at_once(tmp_path: Path) -> None:
    """SQLite does not wait when a file is given its journal: each shard opens the cache for itself."""

    def one(folder: Path, number: int) -> None:
        gate.wait()
        with open_cache(str(folder), StubTranslator()) as cache:
            assert cache is not None
            cache.put({Request(str(number), "eng_Latn", "swh_Latn"): Hypothesis("x", None, 0.0)})

    for turn in range(60):
        gate = Barrier(3)
        with ThreadPoolExecutor(3) as pool:
            folder = tmp_path / str(turn)
            for done in [pool.submit(one, folder, number) for number in range(3)]:
                done.result()
        with sqlite3.connect(folder / FILE) as connection:
            assert connection.execute("SELECT count(*) FROM hypotheses").fetchone() == (3,)
