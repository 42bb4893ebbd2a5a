"""A shortened quickstart, walked once for all tests of this folder, on real parts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from place import Place, Walked
from prefect_house import House, house


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """`mlc-data run quickstart`, shortened, with nothing done before."""
    place = Place(tmp_path_factory.mktemp("road"))
    done = place.run("run", "quickstart")
    return Walked(place, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def server(walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A Prefect server, as docker-compose.yml has it."""
    with house(walked.place.environment, tmp_path_factory.mktemp("house")) as made:
        yield made
