# SPDX-License-Identifier: Apache-2.0
"""Where the request phases stand to what else may refuse a request."""
import base64

import pytest
from conf_lines import post_req, post_resp, pre_req, proxy, use

BASIC = "auth_basic here; auth_basic_user_file %s/users;"
# ann with the password "secret", in crypt's plain form that nginx knows as {PLAIN}
USERS = "ann:{PLAIN}secret\n"


def credentials(text="ann:secret"):
    return "Basic " + base64.b64encode(text.encode()).decode()



@pytest.mark.parametrize("earlier", ["", "set $early $remote_user;"])
def test_pre_req_logs_in_and_out(nginx, runner, upstream, earlier):
    """It comes before auth_basic, which takes what the plugin has made of the headers."""
    (nginx.root / "users").write_text(USERS)
    basic = BASIC % nginx.root
    nginx.start(server="""%s location / { %s %s %s %s proxy_set_header X-User $remote_user; }
        location /out { %s %s }""" % (
        use(runner), earlier, basic, proxy(upstream),
        pre_req({"rewrite": {"headers": [["Authorization", credentials()]]}}),
        basic, pre_req({"rewrite": {"headers": [["Authorization", None]]}})))
    assert nginx.get("/").status == 200
    assert ("X-User", "ann") in upstream.requests[0][2]
    assert nginx.get("/out", headers=[("Authorization", credentials())]).status == 401


@pytest.mark.parametrize("guard, header, status", [
    ("deny all;", None, 403),
    ("auth_basic", None, 401),
    ("auth_basic", "ann:wrong", 401),
    ("auth_request /auth;", None, 403),
    ("satisfy any; deny all; auth_basic", None, 401),
], ids=["deny", "no credentials", "wrong ones", "auth_request", "satisfy any"])
def test_what_is_refused_does_not_reach_post_req(nginx, runner, guard, header, status):
    (nginx.root / "users").write_text(USERS)
    guard = guard.replace("auth_basic", BASIC % nginx.root)
    nginx.file("x", "content")
    nginx.start(server="""%s location / { %s %s %s %s }
        location /auth { internal; return 403; }""" % (
        use(runner), guard, pre_req({}, "first"), post_req({}, "second"), post_resp({}, "third")))
    r = nginx.get("/x", headers=[("Authorization", credentials(header))] if header else [])
    assert r.status == status
    assert [c.kind for c in runner.calls] == [2]
    assert [conf[0][0] for _, conf in runner.prepared] == ["first"]


@pytest.mark.parametrize("guard", [
    "allow all;", "auth_basic", "auth_request /auth;", "satisfy any; deny all; auth_basic"],
    ids=["allow", "credentials", "auth_request", "satisfy any"])
def test_what_is_let_in_goes_through_all_phases(nginx, runner, guard):
    (nginx.root / "users").write_text(USERS)
    nginx.file("x", "content")
    nginx.file("auth", "yes")
    nginx.start(server="%s location / { %s %s %s %s } location /auth { internal; }" % (
        use(runner), guard.replace("auth_basic", BASIC % nginx.root), pre_req({}, "first"),
        post_req({"ask": ["var:remote_user"]}, "second"), post_resp({}, "third")))
    r = nginx.get("/x", headers=[("Authorization", credentials())])
    assert (r.status, r.body) == (200, b"content")
    assert [conf[0][0] for _, conf in runner.prepared] == ["first", "second", "third"]
    if "auth_basic" in guard:
        assert runner.calls[1].answers == [b"ann"]


def test_a_refused_redirect_is_no_content(nginx, runner):
    """The first location's content failed; what error_page leads to is refused."""
    nginx.start(server="""%s %s error_page 404 /sorry;
        location /sorry { deny all; }""" % (use(runner), post_resp({"resp": {"status": 418}})))
    nginx.file("x", "content")
    assert nginx.get("/x").status == 418
    assert nginx.get("/none").status == 403
    assert len(runner.calls) == 1


def test_limit_req_comes_after_pre_req(nginx, runner):
    nginx.start(http="limit_req_zone $http_x_who zone=z:1m rate=1r/m;", server="""%s
        location / { limit_req zone=z; %s }""" % (
        use(runner), pre_req({"rewrite": {"headers": [["X-Who", "one"]]}})))
    nginx.file("x", "content")
    # every client names itself; the plugin knows better
    assert nginx.get("/x", headers=[("X-Who", "a")]).status == 200
    assert nginx.get("/x", headers=[("X-Who", "b")]).status == 503
    assert len(runner.calls) == 2
