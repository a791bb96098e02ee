"""One report, made once."""

from collections.abc import Iterator

import pytest
from fakes.reported import Reported, reported


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """The report on `line-0`."""
    with reported(tmp_path_factory.mktemp("report")) as made:
        yield made
