# SPDX-License-Identifier: Apache-2.0
import os
import subprocess

import pytest

import harness

PLUGINS = harness.ROOT / "tests/integration/plugins"
FLAGS = ("-fPIC -shared -O1 -g -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread").split()


@pytest.fixture(scope="session", autouse=True)
def build_is_there():
    if not harness.C_RUNNER.exists():
        pytest.exit("%s is missing: build it, and name the folder in A6_BUILD_DIR" %
                    harness.C_RUNNER, 1)
    harness.raise_descriptor_limit()


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    """The folder with the test plugins, each made of one folder of plugins/."""
    folder = tmp_path_factory.mktemp("plugins")
    for source in sorted(p for p in PLUGINS.iterdir() if p.is_dir()):
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-I", harness.ROOT / "include",
                        *sorted(source.glob("*.c")), "-o", folder / (source.name + ".so"),
                        "-ljansson"], check=True)
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory, plugins):
    """A runner for all tests of a file that leave it as it was."""
    with harness.Runner(tmp_path_factory.mktemp("runner"), plugins, "--log-level",
                        "debug") as runner:
        yield runner


@pytest.fixture
def conn(shared):
    """A connection to the shared runner."""
    conn = shared.connect()
    yield conn
    shared.conns.remove(conn)
    conn.close()
    assert shared.process.poll() is None, "the runner died:\n" + shared.output()


@pytest.fixture
def start(tmp_path, plugins):
    """start(*args, ...) gives a runner of the test's own, stopped and looked at in the end."""
    runners = []

    def start(*args, **more):
        runner = harness.Runner(tmp_path, plugins, *args, **more)
        runners.append(runner)
        return runner

    yield start
    failure = None
    for runner in reversed(runners):
        try:
            runner.close()
        except AssertionError as e:
            failure = failure or e
            runner.kill()
    if failure:
        raise failure
