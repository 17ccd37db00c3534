# SPDX-License-Identifier: Apache-2.0
"""Options: flag, environment, file and default, in this order of strength."""
import pytest

from harness import run_to_end, script, wait_until

WARN = script("log debug a debug line", "log info an info line", "log warn a warn line",
              "log error an error line")
LEVELS = ["debug", "info", "warn", "error"]


def lowest_level_logged(runner):
    conn = runner.connect()
    conn.req_call(conn.prepare_conf(WARN))
    runner.wait_output("an error line")
    output = runner.output()
    return next(level for level in LEVELS
                if any("%s %s line" % (article, level) in output for article in ("a", "an")))


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "runner.yaml"
        path.write_text(text)
        return path

    return write


# ---- which one wins ----


def test_the_default(start):
    assert lowest_level_logged(start()) == "info"


def test_the_file_over_the_default(start, config):
    assert lowest_level_logged(start("--config", config("log-level: warn\n"))) == "warn"


def test_the_environment_over_the_file(start, config):
    runner = start("--config", config("log-level: warn\n"),
                   environment={"A6_RUNNER_LOG_LEVEL": "error"})
    assert lowest_level_logged(runner) == "error"


def test_the_flag_over_the_environment(start, config):
    runner = start("--config", config("log-level: warn\n"), "--log-level", "debug",
                   environment={"A6_RUNNER_LOG_LEVEL": "error"})
    assert lowest_level_logged(runner) == "debug"


def test_the_file_named_in_the_environment(start, config):
    runner = start(environment={"A6_RUNNER_CONFIG": str(config("log-level: warn\n"))})
    assert lowest_level_logged(runner) == "warn"


def test_the_address_in_the_file(tmp_path, start, config, plugins):
    path = tmp_path / "from-file.sock"
    text = "listen-address: unix:%s\nplugin-dir:\n  - %s\n" % (path, plugins)
    runner = start("--config", config(text), socket_path=path,
                   environment={"APISIX_LISTEN_ADDRESS": None})
    assert lowest_level_logged(runner) == "info"


def test_both_forms_of_a_flag(start):
    assert lowest_level_logged(start("--log-level=warn")) == "warn"
    assert lowest_level_logged(start("--log-level", "warn")) == "warn"


def test_a_switch_in_the_file(start, config):
    first = start()
    second = start("--config", config("takeover: yes\n"), socket_path=first.socket_path,
                   ready=False)
    second.wait_output("listen")
    wait_until(lambda: second.process.poll() is None, "the second one")


# ---- what is wrong is named, with the right one ----


def fails(tmp_path, *args, **more):
    status, output = run_to_end(tmp_path, *args, **more)
    assert status == 1
    assert not (tmp_path / "runner.sock").exists()
    return output


def test_an_unknown_flag(tmp_path):
    output = fails(tmp_path, "--log-levle", "info")
    assert "log-levle" in output and "log-level" in output.replace("log-levle", "")


def test_an_unknown_key_of_the_file_with_its_line(tmp_path, config):
    output = fails(tmp_path, "--config", config("workers: 1\nsocket_mode: '0600'\n"))
    assert "socket_mode" in output and "socket-mode" in output and "runner.yaml:2" in output


def test_an_unknown_variable_of_the_environment(tmp_path):
    output = fails(tmp_path, environment={"A6_RUNNER_LOG_LEVLE": "info"})
    assert "A6_RUNNER_LOG_LEVLE" in output and "A6_RUNNER_LOG_LEVEL" in output


@pytest.mark.parametrize("option,value,says", [
    ("--log-level", "loud", "debug"),
    ("--log-level", "inof", "info"),
    ("--mode", "production", "prod"),
    ("--workers", "0", "between"),
    ("--workers", "many", "number"),
    ("--workers", "-1", "number"),
    ("--workers", "99999999999999999999", ""),
    ("--threads", "1000", "between"),
    ("--socket-mode", "888", "octal"),
    ("--socket-mode", "rw", "octal"),
    ("--unknown-plugin", "ignore", "skip"),
    ("--drain", "soon", "800ms"),
    ("--max-body", "1t", "size"),
])
def test_a_bad_value_of_a_flag(tmp_path, option, value, says):
    output = fails(tmp_path, option, value)
    assert option.strip("-") in output and value in output and says in output


@pytest.mark.parametrize("text,says", [
    ("workers: lots\n", "workers"),
    ("workers: [1, 2]\n", "workers"),
    ("workers:\n  deep: 1\n", "workers"),
    ("workers: 1\nworkers: 2\n", "workers"),
    ("- workers\n", "runner.yaml"),
    ("workers: 'unterminated\n", "runner.yaml"),
    ("config: other.yaml\n", "config"),
], ids=["bad value", "list", "mapping", "twice", "a list", "no yaml", "config in config"])
def test_a_bad_file(tmp_path, config, text, says):
    output = fails(tmp_path, "--config", config(text))
    assert says in output and "runner.yaml" in output


def test_a_file_that_is_missing(tmp_path):
    assert "nowhere.yaml" in fails(tmp_path, "--config", tmp_path / "nowhere.yaml")


def test_a_bad_value_in_the_environment_names_the_variable(tmp_path):
    output = fails(tmp_path, environment={"A6_RUNNER_WORKERS": "lots"})
    assert "A6_RUNNER_WORKERS" in output and "lots" in output


def test_a_flag_without_its_value(tmp_path):
    assert "log-level" in fails(tmp_path, "--log-level")


def test_an_argument_that_is_no_option(tmp_path):
    assert "surplus" in fails(tmp_path, "surplus")


def test_help_tells_every_option(tmp_path):
    status, output = run_to_end(tmp_path, "--help")
    assert status == 0
    for name in ("--plugin-dir", "--log-level", "--workers", "--socket-mode", "--takeover",
                 "--config", "A6_RUNNER_"):
        assert name in output
