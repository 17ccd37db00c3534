# SPDX-License-Identifier: Apache-2.0
"""a6.rs: every function, so that its table is seen to be the one of <a6/host.h>."""
import shutil
import subprocess

import pytest

import harness
import sdk

pytestmark = [
    pytest.mark.skipif(not shutil.which("rustc"), reason="there is no rustc"),
    pytest.mark.skipif("harness.sanitized()", reason="the build has sanitizers in it"),
]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rust")
    shutil.copy(harness.ROOT / "plugins/hello-rust/a6.rs", folder)
    shutil.copy(harness.ROOT / "tests/integration/rust/everything.rs", folder)
    built = folder / "everything.so"
    subprocess.run(["rustc", "--edition", "2021", "--crate-type", "cdylib", "-D", "warnings",
                    "-C", "panic=abort", "-o", built, folder / "everything.rs"], check=True)
    return built


def run(plugin, conf, *more):
    return sdk.run("try", plugin, "--json", "--plugin", "everything", "--conf", conf, "--body",
                   "body", "--var", "tenant=acme", "--log-level", "info", *more)


def request(plugin, conf):
    return run(plugin, conf, "--request", "POST /p?a=1&b", "-H", "X-H: v")


def fields(message):
    return [(field["name"], field["value"]) for field in message["headers"]
            if field["change"] != "deleted"]


def test_changes_a_request(plugin):
    done = request(plugin, "")
    assert done.status == 0, done
    assert "init in Rust" in done.err and "looked at it" in done.err
    upstream, client = done.json()["upstream"], done.json()["client"]
    assert (upstream["target"], upstream["body"]) == ("/q?a=2&a=3", "new")
    assert ("x-set", "1, 2") in fields(upstream) and "x-h" not in dict(fields(upstream))
    assert fields(client) == [("x-r", "s")]


def test_answers_delays_and_fails(plugin):
    done = request(plugin, "answer")
    assert done.status == 0, done
    client = done.json()["client"]
    assert (client["status"], client["body"], fields(client)) == (201, "one two", [("x-a", "b")])
    assert "delayed by 30 ms" in "".join(request(plugin, "delay").json()["notes"])
    assert "it fails" in request(plugin, "fail").json()["reason"]
    assert "it is bad" in request(plugin, "bad").json()["reason"]


def test_changes_a_response(plugin):
    done = run(plugin, "", "--response", "HTTP/1.1 200 OK\nX-H: v\nX-I: w\n\nupstream")
    assert done.status == 0, done
    client = done.json()["client"]
    assert (client["status"], client["body"]) == (404, "new")
    assert fields(client) == [("X-I", "w"), ("x-set", "1"), ("x-set", "2")]


def test_a_file_holds_several_plugins(plugin):
    done = sdk.run("check", plugin)
    assert done.status == 0 and "second 1.0.0\n  is there too" in done.out, done
