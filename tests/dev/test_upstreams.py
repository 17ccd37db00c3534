# SPDX-License-Identifier: Apache-2.0
"""Which node is asked, how, and for how long."""
import collections
import contextlib
import http.server
import socket
import ssl
import subprocess
import threading

import pytest

from ports import free_ports


class Named(http.server.BaseHTTPRequestHandler):
    """Answers with the server's own name, the Host header, and the name in the handshake."""

    def do_GET(self):
        text = "%s %s %s" % (self.server.name, self.headers["Host"], self.server.handshake)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def node():
    """Starts upstreams: a name, and a certificate's file for HTTPS. Gives the port."""
    servers = []

    def start(name, certificate=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named)
        server.name, server.handshake, server.daemon_threads = name, None, True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)

            def note(_, asked, __):
                server.handshake = asked
            context.sni_callback = note
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def serve(dev, *upstreams):
    return dev(routes={"routes": [{"id": i, "uri": "/%d" % i, "upstream": upstream}
                                  for i, upstream in enumerate(upstreams, 1)]}).start()


def test_weights(dev, node):
    a, b, c = (node(name) for name in "abc")
    as_object = {"127.0.0.1:%d" % a: 3, "127.0.0.1:%d" % b: 1, "127.0.0.1:%d" % c: 0}
    as_list = [{"host": "127.0.0.1", "port": a, "weight": 1},
               {"host": "127.0.0.1", "port": b, "weight": 3}]
    gateway = serve(dev, {"type": "roundrobin", "nodes": as_object}, {"nodes": as_list})
    for uri, wanted in (("/1", {"a": 6, "b": 2}), ("/2", {"a": 2, "b": 6})):
        assert collections.Counter(gateway.get(uri).text[0] for _ in range(8)) == wanted


def test_https(dev, node, folder):
    pem = folder / "node.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=node", "-days", "1",
                    "-keyout", pem, "-out", folder / "cert"], check=True, capture_output=True)
    with pem.open("a") as file:
        file.write((folder / "cert").read_text())
    port = node("tls", pem)
    upstream = {"scheme": "https", "nodes": {"localhost:%d" % port: 1}}
    gateway = serve(dev, upstream, {**upstream, "pass_host": "node"},
                    {**upstream, "pass_host": "rewrite", "upstream_host": "own.example"})
    assert gateway.get("/1", Host="a.example").text == "tls a.example a.example"
    assert gateway.get("/2").text == "tls localhost:%d localhost" % port
    assert gateway.get("/3").text == "tls own.example own.example"


def test_times(dev):
    """A node that takes connections and never answers, and a route with more patience."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        nodes = {"127.0.0.1:%d" % silent.getsockname()[1]: 1}
        patient = {"connect": 60, "send": 60, "read": 60}
        hasty = {"connect": 1, "send": 1, "read": 0.1}
        gateway = dev(routes={"routes": [
            {"id": 1, "uri": "/upstream", "upstream": {"nodes": nodes, "timeout": hasty}},
            {"id": 2, "uri": "/route", "timeout": hasty,
             "upstream": {"nodes": nodes, "timeout": patient}},
            {"id": 3, "uri": "/service", "service_id": "s"}],
            "services": [{"id": "s", "upstream": {"nodes": nodes, "timeout": hasty}}]}).start()
        for uri in ("/upstream", "/route", "/service"):
            assert gateway.get(uri).status == 504, uri
        gateway.logged("504 GET /service")
        gateway.logged("the upstream http://127.0.0.1:[0-9]* does not answer in time: look at it")


def test_scheme_is_another(dev, node):
    gateway = serve(dev, {"scheme": "https", "nodes": {"127.0.0.1:%d" % node("plain"): 1}})
    assert gateway.get("/1").status == 502
    gateway.logged("the upstream https://[0-9.:]* does not speak TLS as it should")


def test_only_node_is_asked_again(dev):
    """`retries` of APISIX count for a node that is alone, too."""
    asked = []

    def hang_up(server):
        with contextlib.suppress(OSError):  # which closing it ends with
            while True:
                connection, _ = server.accept()
                asked.append(connection.recv(10))
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        nodes = {"127.0.0.1:%d" % server.getsockname()[1]: 1}
        gateway = serve(dev, {"nodes": nodes, "retries": 2}, {"nodes": nodes})
        for uri, wanted in (("/1", 3), ("/2", 1)):
            asked.clear()
            assert gateway.get(uri).status == 502
            assert len(asked) == wanted, uri


@pytest.mark.skipif(subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode,
                    reason="no namespace of one's own")
def test_name_of_two_addresses(dev, node, folder):
    """A name is one node, at its IPv4 address, whatever else it stands for."""
    (folder / "hosts").write_text("::1 localhost two.example\n127.0.0.1 localhost two.example\n")
    a, b = node("a"), node("b")
    nodes = [{"host": "two.example", "port": a, "weight": 1},
             {"host": "127.0.0.1", "port": b, "weight": 1}]
    gateway = dev(routes={"routes": [
        {"id": 1, "uri": "/1", "upstream": {"nodes": {"localhost:%d" % a: 1}, "retries": 0}},
        {"id": 2, "uri": "/2", "upstream": {"nodes": nodes}}]})
    gateway.command = ["unshare", "--mount", "sh", "-c",
                       'mount --bind "$0" /etc/hosts && exec "$@"', str(folder / "hosts"),
                       *gateway.command]
    gateway.start()
    assert [gateway.get("/1").status for _ in range(4)] == [200] * 4
    assert collections.Counter(gateway.get("/2").text[0] for _ in range(8)) == {"a": 4, "b": 4}
    conf, = folder.glob("c-runner-dev-*/nginx.conf")
    assert "[::1]" not in conf.read_text()


def test_echo_says_when_it_is_too_much(dev):
    gateway = dev().start()
    gateway.admin("PUT", "routes/1", {"uri": "/*", "upstream": gateway.upstream()})
    answer = gateway.get("/", "POST", bytes(21 << 20))
    assert answer.status == 413 and "takes 20 MiB at most" in answer.text


def test_all_nodes_down(dev):
    port, = free_ports(1)
    gateway = serve(dev, {"nodes": {"127.0.0.1:%d" % port: 1, "127.0.0.2:%d" % port: 1}})
    assert gateway.get("/1").status == 502
    gateway.logged("the upstream http://127.0.0.1:%d refuses connections: start it" % port)
    gateway.logged("502 GET /1 .*route 1")
