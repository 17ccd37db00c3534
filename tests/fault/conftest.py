# SPDX-License-Identifier: Apache-2.0
"""The fault suite: what a fault may cost, and that it costs no more. Each test runs under
load, and counts the calls that were lost."""
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import harness  # noqa: E402
from faults import alive, build, install  # noqa: E402
from load import Load  # noqa: E402

@pytest.fixture(scope="session", autouse=True)
def build_is_there():
    if not harness.C_RUNNER.exists():
        pytest.exit("%s is missing: build it, and name the folder in A6_BUILD_DIR" %
                    harness.C_RUNNER, 1)
    harness.raise_descriptor_limit()


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    build(folder / "faults.so", "one")
    (folder / "innocent").mkdir()  # not in the folder itself: it would be there twice
    build(folder / "innocent/innocent.so", "one", '-DFAULTS_ALONE="innocent"')
    return folder


@pytest.fixture(scope="session")
def second(tmp_path_factory):
    """The file of their next version."""
    path = tmp_path_factory.mktemp("second") / "faults.so"
    build(path, "two")
    return path


@pytest.fixture
def folder(tmp_path, plugins):
    """A plugin folder of the test's own."""
    folder = tmp_path / "own-plugins"
    folder.mkdir()
    install(plugins / "faults.so", folder)
    return folder


@pytest.fixture
def start(tmp_path, plugins):
    """start(*args, ...) gives a runner of the test's own."""
    runners = []

    def start(*args, folder=plugins, **more):
        runner = harness.Runner(tmp_path, folder, *args, **more)
        runners.append(runner)
        return runner

    yield start
    for runner in runners:
        left = runner.process.poll() is not None
        pids = runner.pids()
        if left:
            runner.kill()
        else:
            runner.close()
        harness.wait_until(lambda: not any(map(alive, pids)), "the end of all its processes")


@pytest.fixture
def load():
    """load(runner, ...) puts load on it until the test ends."""
    loads = []

    def begin(runner, **more):
        loads.append(Load(runner, **more))
        return loads[-1]

    yield begin
    for one in loads:
        one.stop()
