# SPDX-License-Identifier: Apache-2.0
"""c-runner new: what it makes builds against an installation, and passes its test."""
import os
import shutil
import subprocess

import pytest

import harness
import sdk

# Somebody's project is not built with our sanitizers, so it cannot be linked with them.
pytestmark = pytest.mark.skipif("harness.sanitized()", reason="the build has sanitizers in it")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return sdk.Installation(tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize("language", ["c", "cpp", "rust"])
def test_the_project_builds_and_passes_its_test(installed, tmp_path, language):
    if language == "rust" and not shutil.which("rustc"):
        pytest.skip("there is no rustc")
    name = "my-" + language
    done = sdk.run("new", name, "--lang", language, cwd=tmp_path, program=installed.c_runner)
    assert done.status == 0, done
    project = tmp_path / name
    assert {"Makefile", "README.md", ".gitignore"} <= {path.name for path in project.iterdir()}
    for path in project.iterdir():
        assert "@NAME@" not in path.read_text() and "@IDENT@" not in path.read_text()

    done = installed.make(project, "all", "test")
    assert done.status == 0, done
    assert "4 tests passed" in done.out or "4 passed" in done.out
    assert "warning" not in done.err, done.err
    done = installed.make(project, "try")
    assert done.status == 0, done
    assert "+ HTTP/1.1 200 OK" in done.out and "+ good morning, kim!" in done.out
    done = installed.make(project, "check")
    assert done.status == 0 and "%s takes the conf" % name in done.out, done
    done = installed.make(project, "install", "DESTDIR=%s" % (tmp_path / "root"))
    assert done.status == 0, done
    assert list((tmp_path / "root").rglob("plugins/%s.so" % name))
    done = installed.make(project, "clean")
    assert done.status == 0 and not list(project.glob("*.so"))


@pytest.mark.parametrize("language", ["c", "cpp", "rust"])
def test_without_the_package_it_says_what_to_install(tmp_path, language):
    assert sdk.run("new", "lost", "--lang", language, cwd=tmp_path).status == 0

    def make(*targets):
        return subprocess.run(
            ["make", "-C", str(tmp_path / "lost"), *targets], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env={**os.environ, "PKG_CONFIG_LIBDIR": "/nowhere", "PKG_CONFIG_PATH": ""})

    done = make()
    assert done.returncode == 2 and "install the runner" in done.stdout, done.stdout
    assert "cannot" not in done.stdout and "error:" not in done.stdout, done.stdout
    assert make("clean").returncode == 0


def test_names_that_are_no_identifiers(installed, tmp_path):
    done = sdk.run("new", "2nd.try_it-on", "--lang", "cpp", cwd=tmp_path)
    assert done.status == 0, done
    done = installed.make(tmp_path / "2nd.try_it-on", "test")
    assert done.status == 0, done


def test_makes_it_elsewhere_and_overwrites_nothing(tmp_path):
    done = sdk.run("new", "mine", "--dir", tmp_path)
    assert done.status == 0, done
    source = tmp_path / "mine/mine.c"
    source.write_text("precious")
    done = sdk.run("new", "mine", "--dir", tmp_path)
    assert done.status == 1 and "File exists" in done.err
    assert source.read_text() == "precious"


@pytest.mark.parametrize("args, text", [
    ([], "want one name"),
    (["a", "b"], "want one name"),
    (["a/b"], "a plugin's name has 1 to 64 letters"),
    ([".a"], "a plugin's name has"),
    (["a" * 65], "a plugin's name has"),
    (["a6", "--lang", "rust"], "the project has a file of this name itself"),
    (["a6_abi", "--lang", "rust"], "the project has a file of this name itself"),
    (["tests", "--lang", "rust"], "the project has a file of this name itself"),
    (["a", "--lang", "go"], "--lang: want c, cpp or rust"),
])
def test_wrong_use_is_status_2(tmp_path, args, text):
    done = sdk.run("new", *args, cwd=tmp_path)
    assert done.status == 2, done
    assert text in done.err
    assert not list(tmp_path.iterdir())
