# SPDX-License-Identifier: Apache-2.0
"""What the gateway makes of a reply, so that tests can ask for the effect of a change
and not for the form it has on the wire. As measured on the real one; docs/protocol.md."""

# Names that the gateway does not copy into a response.
EXCLUDED = {"connection", "content-length", "transfer-encoding", "location", "server",
            "www-authenticate", "content-encoding", "content-type", "content-location",
            "content-language"}


class Upstream:
    """The request as the upstream gets it. headers: {name: value}; args: [(name, value)]."""

    def __init__(self, reply, path="/", args=(), headers=(), body=None):
        self.path = path
        self.body = body
        self.headers = {name.lower(): value for name, value in headers}
        self.args = list(args)
        self.resp_headers = []
        if reply.path is not None:
            self.path = reply.path
        for name, value in reply.headers or []:
            if value is None:
                self.headers.pop(name.lower(), None)
            else:
                self.headers[name.lower()] = value
        changed = set()
        for name, value in reply.args or []:
            if value is None or name not in changed:
                self.args = [arg for arg in self.args if arg[0] != name]
            changed.add(name)
            if value is not None:
                self.args.append((name, value))
        if reply.body:
            self.body = reply.body
        for name, value in reply.resp_headers or []:
            if name.lower() not in EXCLUDED:
                self.resp_headers.append((name, value))


class Client:
    """The response as the client gets it after HTTPRespCall. headers: [(name, value)]."""

    def __init__(self, reply, status=200, headers=(), body=b""):
        self.status = reply.status or status
        self.body = reply.body or body
        if reply.headers:
            self.headers = list(reply.headers)
        else:
            self.headers = [h for h in headers if h[0].lower() not in EXCLUDED]

    def values(self, name):
        return [value for n, value in self.headers if n.lower() == name.lower()]
