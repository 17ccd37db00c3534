# SPDX-License-Identifier: Apache-2.0
"""Ports for the servers that a test starts."""
import random
import socket

# Beside those that the kernel gives to clients (from 32768 on), which would take a port
# between its choice here and the server's start.
RANGE = range(10000, 32000)


def free_ports(count):
    """That many different ports of 127.0.0.1 on which nobody listens."""
    held = []
    try:
        while len(held) < count:
            s = socket.socket()
            held.append(s)
            try:
                s.bind(("127.0.0.1", random.SystemRandom().choice(RANGE)))
            except OSError:
                held.pop().close()
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()
