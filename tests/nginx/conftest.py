# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fake_runner import Runner  # noqa: E402
from nginx_rig import BUILD, MODULE, NGINX, Nginx, Upstream  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def needed():
    if not shutil.which(NGINX):
        pytest.skip("nginx is not installed")
    if MODULE.name != "static" and not MODULE.exists():
        pytest.fail("the module is not built: %s" % MODULE)


@pytest.fixture
def nginx(tmp_path):
    instance = Nginx(tmp_path)
    yield instance
    instance.stop()
    if not getattr(instance, "expect_alerts", False):
        instance.check()


@pytest.fixture
def runner(tmp_path):
    fake = Runner(str(tmp_path / "runner.sock"))
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def c_runner():
    path = BUILD / "c-runner"
    if not path.exists():
        pytest.skip("c-runner is not built")
    return path


@pytest.fixture
def upstream():
    instance = Upstream()
    yield instance
    instance.close()
