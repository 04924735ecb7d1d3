from __future__ import annotations

import pytest

from tests.kernels.host import HostMachine, build


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> HostMachine:
    return build(tmp_path_factory.mktemp("kernels"))
