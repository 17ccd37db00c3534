# SPDX-License-Identifier: Apache-2.0
"""Lines of configuration for the fake runner."""
import json


def word(text):
    """A word of nginx's configuration: it takes backslashes for its own."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


def pre_req(what, name="do"):
    return "ext_plugin_pre_req %s %s;" % (name, word(json.dumps(what)))


def post_req(what, name="do"):
    return "ext_plugin_post_req %s %s;" % (name, word(json.dumps(what)))


def post_resp(what, name="do"):
    return "ext_plugin_post_resp %s %s;" % (name, word(json.dumps(what)))


def use(runner, more=""):
    return "ext_plugin_runner unix:%s %s;" % (runner.path, more)


def proxy(upstream):
    return "proxy_pass http://127.0.0.1:%d; proxy_set_header Host $host;" % upstream.port
