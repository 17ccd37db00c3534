# SPDX-License-Identifier: Apache-2.0
"""--print-apisix: what is printed means what was read, and this gateway takes it as well."""
import json
import subprocess

import yaml

from dev import C_RUNNER, ROOT


def printed(*options, status=0):
    done = subprocess.run([C_RUNNER, "dev", "--print-apisix", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def split(text):
    config, routes = text.split("# ---- conf/apisix.yaml of APISIX ----\n")
    assert routes.endswith("\n#END\n")
    return yaml.safe_load(config), yaml.safe_load(routes), routes


def test_demo_routes():
    file = ROOT / "examples/demo/apisix.yaml"
    config, routes, _ = split(printed("--routes", str(file)))
    assert routes == yaml.safe_load(file.read_text())
    assert config["ext-plugin"]["cmd"] == [str(C_RUNNER), "run", "-m", "prod"]
    assert config["deployment"]["role_data_plane"]["config_provider"] == "yaml"


def test_odd_values(folder, dev):
    tree = {"routes": [{"id": "1", "uri": "/x", "vars": [["arg_a", "in", ["yes", "1", "\u00fc"]]],
                        "labels": {"On": "y", "no": "", "1": "\t'\"\\ #"}, "desc": None,
                        "plugins": {"ext-plugin-pre-req": {"allow_degradation": True, "conf": [
                            {"name": "say", "value": "{\"body\":\"a\\n: - b\"}"}]}}}],
            "upstreams": []}
    (folder / "r.json").write_text(json.dumps(tree))
    (folder / "config.yaml").write_text(
        "ext-plugin: {cmd: [/opt/runner, '--x=\"y\"']}\nnginx_config: {envs: [A, B=1]}\n")
    config, routes, text = split(printed("--routes", str(folder / "r.json"),
                                         "--config", str(folder / "config.yaml")))
    assert routes == {"routes": tree["routes"]}
    assert config["ext-plugin"]["cmd"] == ["/opt/runner", '--x="y"']
    assert config["nginx_config"] == {"envs": ["A", "B=1"]}
    gateway = dev(routes=text.replace("#END\n", "")).start()
    assert gateway.get("/x?a=yes").text == "a\n: - b"


def test_of_the_admin_api(dev):
    gateway = dev().start()
    gateway.admin("PUT", "routes/1", {"uri": "/x", "plugins": gateway.say("x")})
    gateway.stop()
    _, routes, _ = split(printed("--data", str(gateway.folder / "data")))
    assert routes["routes"][0]["uri"] == "/x"


def test_nothing_to_print(folder):
    assert "there are no routes" in printed("--data", str(folder / "none"), status=1)
    (folder / "bad.yaml").write_text("routes: [{}]\n#END\n")
    assert "has neither uri nor uris" in printed("--routes", str(folder / "bad.yaml"), status=1)
