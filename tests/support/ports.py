# SPDX-License-Identifier: Apache-2.0
"""Ports for the servers that a test starts."""
import random
import socket

# Beside those that the kernel gives to clients (from 32768 on), which would take a port
# between its choice here and the server's start.
RANGE = range(10000, 32000)

claims = []  # sockets whose names say, until this process ends, whose a port is


def claim(port):
    """Whether the port is ours, and not another test's that has not listened on it yet."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind("\0a6-test-port-%d" % port)
        claims.append(name)
        return True
    except OSError:
        name.close()
        return False


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_ports(count):
    """That many different ports of 127.0.0.1 on which nobody listens or will."""
    ports = []
    while len(ports) < count:
        port = random.SystemRandom().choice(RANGE)
        if claim(port) and is_free(port):
            ports.append(port)
    return ports
