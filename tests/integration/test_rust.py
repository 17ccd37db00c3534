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

HERE = harness.ROOT / "tests/integration/rust"
BINDINGS = harness.ROOT / "plugins/hello-rust"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rust")
    done = build(folder, (HERE / "everything.rs").read_text())
    assert done.returncode == 0, done.stderr
    return folder / "plugin.so"


def build(folder, text, panic="abort", emit="link"):
    for source in BINDINGS.glob("a6*.rs"):
        shutil.copy(source, folder)
    (folder / "plugin.rs").write_text(text)
    return subprocess.run(["rustc", "--edition", "2021", "--crate-type", "cdylib", "-D", "warnings",
                           "-C", "panic=" + panic, "--emit", emit, "-o", folder / "plugin.so",
                           folder / "plugin.rs"], stderr=subprocess.PIPE, text=True, check=False)


def run(plugin, conf, *more):
    return sdk.run("try", plugin, "--json", "--plugin", "everything", "--conf", conf, "--body",
                   "body", "--var", "tenant=acme", "--log-level", "info", *more)


def request(plugin, conf, *more):
    return run(plugin, conf, "--request", "POST /p?a=1&b", "-H", "X-H: v", *more)


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


def test_leaves_values_for_the_next_plugin(plugin):
    done = request(plugin, "", "--plugin", "second")
    assert done.status == 0, done
    assert ("x-user", "kim") in fields(done.json()["upstream"])


def test_suspends_a_call_and_goes_on_in_a_thread(plugin):
    done = request(plugin, "later")
    assert done.status == 0, done
    assert ("x-later", "done") in fields(done.json()["upstream"])
    for conf in ("later fail", "later forget"):
        assert "it did not say why" in request(plugin, conf).json()["reason"]


def test_the_guide_s_example(tmp_path):
    page = (harness.ROOT / "docs/plugin-guide.md").read_text()
    text = page.partition("<!-- file: later.rs -->\n```rust\n")[2].partition("```")[0]
    done = build(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert "+ X-Later: done" in sdk.run("try", tmp_path / "plugin.so").out


def test_resumes_a_response_before_its_filter_returns(plugin):
    done = run(plugin, "early", "--response", "HTTP/1.1 200 OK\nX-H: v\n\nupstream")
    assert done.status == 0, done
    assert done.json()["client"]["status"] == 202


def test_is_not_built_where_a_panic_would_unwind_into_c(tmp_path):
    done = build(tmp_path, (HERE / "everything.rs").read_text(), panic="unwind")
    assert done.returncode != 0 and "build it with -C panic=abort" in done.stderr


FILTER = """
mod a6;
pub static KEPT: std::sync::Mutex<&[u8]> = std::sync::Mutex::new(b"");
pub unsafe extern "C" fn filter(mut req: *mut a6::Handle, _: *mut core::ffi::c_void) -> i32 {
    let req = a6::Request::new(&mut req);
    %s
    a6::OK
}
"""


@pytest.mark.parametrize("lines, error", [
    ("req.id();", None),
    ("*KEPT.lock().unwrap() = req.path();", "`req` does not live long enough"),
    ("*KEPT.lock().unwrap() = req.alloc(1).unwrap();", "`req` does not live long enough"),
    ("std::thread::spawn(move || req.id());", "cannot be sent between threads safely"),
    ("let _pending = req.suspend(); req.id();", "borrow of moved value: `req`"),
    ("let mut pending = req.suspend().ok().unwrap(); let path = pending.call().path(); "
     "let _ = pending.resume(0); path.len();", "cannot move out of `pending`"),
    ('let name = String::new(); let _ = req.set("name", &name[..]);',
     "`name` does not live long enough"),
    ('let _ = req.set("list", Vec::<u8>::new());', "Copy"),
])
def test_what_would_be_unsound_does_not_compile(tmp_path, lines, error):
    done = build(tmp_path, FILTER % lines, emit="metadata")
    if error:
        assert done.returncode != 0 and error in done.stderr, done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_a_file_holds_several_plugins(plugin):
    done = sdk.run("check", plugin)
    assert done.status == 0 and "second 1.0.0\n  is there too" in done.out, done
