"""A shortened quickstart, walked once for all tests of this folder, on real parts."""

from __future__ import annotations

import pytest
from place import Place, Walked


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """`mlc-data run quickstart`, shortened, with nothing done before."""
    place = Place(tmp_path_factory.mktemp("road"))
    done = place.run("run", "quickstart")
    return Walked(place, done.stdout, done.stderr)
