# SPDX-License-Identifier: Apache-2.0
"""The development gateway: `c-runner dev` with the real nginx."""
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import dev as dev_module  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def needed():
    if not shutil.which("nginx") and not pathlib.Path("/usr/sbin/nginx").exists():
        pytest.skip("nginx is not installed")
    module = dev_module.BUILD / "nginx" / "ngx_http_ext_plugin_module.so"
    assert module.exists(), "the nginx module is not built: %s" % module


@pytest.fixture
def folder():
    """A short path: sockets are made in it."""
    with tempfile.TemporaryDirectory(prefix="a6d-") as path:
        yield pathlib.Path(path)


@pytest.fixture
def dev(folder):
    """Makes gateways, and stops them at the end."""
    made = []

    def make(*options, **more):
        gateway = dev_module.Dev(folder, *options, **more)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        gateway.stop()
