# SPDX-License-Identifier: Apache-2.0
"""c-runner check: what is in a plugin's file, and whether it takes a conf."""
import shutil

import pytest

import harness
import sdk

PLUGIN = r"""
#include <a6/plugin.h>
static a6_result go_on(a6_request *req, void *conf)
{
    (void)req;
    (void)conf;
    return A6_OK;
}
static const char *const needs[] = {"remote_user", "tenant", NULL};
static const a6_plugin one = {A6_PLUGIN_HEADER, .name = "one", .version = "2.1",
    .summary = "the first", .flags = A6_BLOCKING | A6_NEED_REQUEST_BODY, .need_vars = needs,
    .max_body = 4096, .deadline_ms = 250, .request_filter = go_on};
static const a6_plugin two = {A6_PLUGIN_HEADER, .name = NAME};
A6_REGISTER(one)
A6_REGISTER(two)
"""

OTHER_ABI = r"""
#include <stddef.h>
#include <stdint.h>
struct module { uint32_t major, minor; size_t size; const void *first, *end; };
const struct module *a6_module_get(void)
{
    static const struct module other = {99, 3, sizeof(other), NULL, NULL};
    return &other;
}
"""


def test_says_what_is_in_a_file(tmp_path):
    built = sdk.compile_plugin(tmp_path, "both", PLUGIN, '-DNAME="two"')
    done = sdk.run("check", built)
    assert done.status == 0, done
    text = " ".join(done.out.split())
    assert "one 2.1 the first file %s ABI 1.0" % built in text
    assert "phases request needs $remote_user, $tenant, request body" in text
    assert "blocks: on a thread of its own" in text
    assert "bodies up to 4096 bytes deadline 250 ms" in text
    assert "two" in text and "none: it has no filter" in text


@pytest.mark.parametrize("name", ["fault-injection", "limit-req", "request-body-rewrite",
                                  "request-rewrite", "response-rewrite", "say", "hello-cpp"])
def test_our_plugins_are_in_order(name):
    done = sdk.run("check", sdk.plugin(name))
    assert done.status == 0, done
    assert done.out.startswith(name + " 1.0.0\n") and done.err == ""


def test_parses_confs():
    done = sdk.run("check", sdk.plugin("say"), sdk.plugin("limit-req"), "--conf",
                   'say={"body": "x"}', "--conf", 'limit-req={"rate": 1.5, "burst": 2}')
    assert done.status == 0, done
    assert "say takes the conf\nlimit-req takes the conf\n" in done.out


NEEDS = r"""
#include <a6/plugin.h>
static int parse(a6_env *env, a6_str text, void **conf)
{
    (void)conf;
    return text.len == 0 ? 0 : a6_env_need_var(env, text) || a6_env_need(env, A6_NEED_REQUEST_BODY);
}
static const a6_plugin needy = {A6_PLUGIN_HEADER, .name = "needy", .parse_conf = parse};
A6_REGISTER(needy)
"""


def test_says_what_a_conf_needs(tmp_path):
    built = sdk.compile_plugin(tmp_path, "needy", NEEDS)
    done = sdk.run("check", built, sdk.plugin("response-rewrite"), "--conf", "needy=tenant",
                   "--conf", "needy=", "--conf",
                   'response-rewrite={"filters": [{"regex": "a", "replace": "b"}]}')
    assert done.status == 0, done
    assert done.out.endswith("needy takes the conf\n  needs    $tenant, request body\n"
                             "needy takes the conf\n"
                             "response-rewrite takes the conf\n  needs    response body\n")


@pytest.mark.parametrize("conf, text", [
    ('say={"body":', "the conf is not JSON: line 1, column 8"),
    ('say={"body": 1}', '"body" is wrong: Expected string, got integer'),
    ('say={"bdoy": ""}', '"bdoy" is not a key of this plugin; it has "body"'),
    ("sya={}", 'no plugin is named "sya"'),
])
def test_a_wrong_conf_is_status_1(conf, text):
    done = sdk.run("check", sdk.plugin("say"), "--conf", conf)
    assert done.status == 1, done
    assert text in done.err


def test_a_conf_from_a_file(tmp_path):
    (tmp_path / "conf.json").write_text('{\n  "body": "x",\n  "body": "y"\n}\n')
    done = sdk.run("check", sdk.plugin("say"), "--conf", "say=@%s" % (tmp_path / "conf.json"))
    assert done.status == 1
    assert "line 3, column 8: duplicate object key" in done.err


def bad_files(folder):
    """Files that no runner takes, and what is said of each."""
    twins = sdk.compile_plugin(folder, "twins", PLUGIN, '-DNAME="one"')
    other = sdk.compile_plugin(folder, "other", OTHER_ABI)
    text = folder / "text.so"
    text.write_text("no shared object")
    library = sdk.compile_plugin(folder, "library", "int answer(void) { return 42; }")
    return {
        "text": ([text], ["cannot load plugin", "text.so"]),
        "library": ([library], ["library.so is not a plugin", "a6_module_get"]),
        "abi": ([other], ["other.so is built for plugin ABI 99.3", "this runner has 1.0"]),
        "twins": ([twins], ["twins.so", '"one"']),
    }


@pytest.mark.parametrize("which", ["text", "library", "abi", "twins"])
def test_a_bad_file_is_status_1_here_and_in_run(tmp_path, which):
    files, texts = bad_files(tmp_path)[which]
    done = sdk.run("check", *files)
    assert done.status == 1, done
    for text in texts:
        assert text in done.err
    args = [arg for file in files for arg in ("--plugin", file)]
    status, output = harness.run_to_end(tmp_path, *args)
    assert status == 1, output
    for text in texts:
        assert text in output
    assert not list(tmp_path.glob("*.sock"))


def test_a_name_that_another_file_has_is_told_with_both(tmp_path):
    copy = tmp_path / "copy.so"
    shutil.copy(sdk.plugin("say"), copy)
    done = sdk.run("check", sdk.plugin("say"), copy)
    assert done.status == 1, done
    for text in ("say", str(copy), str(sdk.plugin("say"))):
        assert text in done.err
    status, output = harness.run_to_end(tmp_path, "--plugin", sdk.plugin("say"), "--plugin", copy)
    assert status == 1
    for text in ("say", str(copy), str(sdk.plugin("say"))):
        assert text in output


@pytest.mark.parametrize("args, text", [
    ([], "which plugin? Name its file"),
    (["x.so", "--conf", "say"], "want NAME=TEXT"),
    (["x.so", "--nonsense"], "--nonsense"),
])
def test_wrong_use_is_status_2(args, text):
    done = sdk.run("check", *args)
    assert done.status == 2, done
    assert text in done.err


NO_MEMORY = r"""
#include <a6/plugin.h>
static int parse(a6_env *env, a6_str text, void **conf)
{
    (void)conf;
    (void)a6_env_error(env, "a table for %zu bytes does not fit", text.len);
    return -ENOMEM;
}
static const a6_plugin hungry = {A6_PLUGIN_HEADER, .name = "hungry", .parse_conf = parse};
A6_REGISTER(hungry)
"""


def test_tells_what_a_conf_has_no_memory_for(tmp_path):
    built = sdk.compile_plugin(tmp_path, "hungry", NO_MEMORY)
    for line in (["check", built, "--conf", "hungry={}"], ["try", built]):
        done = sdk.run(*line)
        assert done.status == 1, done
        assert "plugin hungry (%s) could not parse conf command-line: " \
               "a table for 2 bytes does not fit; " % built in done.err
