"""What a recipe's runner needs is told before anything starts; the runs themselves are in tests/road."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from mlc_data.flows import runners
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from mlc_data.errors import UsageError
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.runner import Runner


@pytest.fixture
def recipe(small: dict[str, Any]) -> Any:
    return lambda **runner: Recipe.model_validate({**small, "runner": runner})


def test_threads_need_nothing(recipe: Any) -> None:
    with temporary_settings({PREFECT_API_URL: None}):
        runners.check(recipe())
    made = runners.task_runner(Runner(workers=3))
    assert made == ThreadPoolTaskRunner(max_workers=3)
    assert runners.InTasks(Runner()).in_process


def test_worker_processes_need_a_server(recipe: Any) -> None:
    with (
        temporary_settings({PREFECT_API_URL: None}),
        pytest.raises(UsageError, match="PREFECT_API_URL"),
    ):
        runners.check(recipe(type="dask"))


def test_a_missing_package_is_named(recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install .*\[ray\]'"):
        runners.check(recipe(type="ray"))


def test_a_cluster_has_to_answer(recipe: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api"}):
            for address in (f"tcp://127.0.0.1:{port}", f"127.0.0.1:{port}"):
                runners.check(recipe(type="dask", address=address))
            runners.check(recipe(type="ray", address=f"ray://127.0.0.1:{port}"))
            runners.check(recipe(type="ray", address="auto"))
            there.close()
            with pytest.raises(UsageError, match=r"nothing answers at tcp://127\.0\.0\.1"):
                runners.check(recipe(type="dask", address=f"tcp://127.0.0.1:{port}"))
            with pytest.raises(UsageError, match="'head' is not host:port"):
                runners.check(recipe(type="ray", address="head"))


def test_what_may_be_on_other_machines(recipe: Any) -> None:
    own = runners.InTasks(recipe(type="dask").runner)
    elsewhere = runners.InTasks(recipe(type="ray", address="auto").runner)
    assert (own.in_process, own.remote) == (False, False)
    assert (elsewhere.in_process, elsewhere.remote) == (False, True)


def test_gpus_are_reserved_where_an_engine_works() -> None:
    import dask
    from prefect_ray.context import RemoteOptionsContext

    for stage, gpus in (("translate", 1), ("score", 0), ("rescue", 1)):
        ray = Runner(type="ray", address="auto", gpus_per_task=1, cpus_per_task=4)
        with runners._reserving(ray, stage):
            given = RemoteOptionsContext.get().current_remote_options
            assert given == {"num_cpus": 4, "num_gpus": gpus}
        cluster = Runner(type="dask", address="tcp://there:8786", gpus_per_task=1)
        with runners._reserving(cluster, stage):
            told = dask.get_annotations()
            assert told == ({"resources": {"GPU": 1}} if gpus else {})
    with runners._reserving(Runner(), "translate"):
        assert not dask.get_annotations()
