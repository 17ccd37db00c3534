# SPDX-License-Identifier: Apache-2.0
"""Load as a gateway makes it: connections that call all the time, connect again when one
was closed, and check every answer."""
import threading
import time

import a6wire as wire
from harness import Closed, Conn


class Load:
    """After stop(): `answered`, `lost` (calls whose connection ended instead of an answer),
    `refused` (Error frames), `unconnected` (connects that failed), `unsent` (the connection
    was closed before the call was on its way), `prepared_again`, `wrong`, `longest` (seconds
    that an answer took)."""

    def __init__(self, runner, connections=6, conf=(("innocent", "ok"),), expected=(b"one",),
                 key="route#load"):
        self.path = runner.socket_path
        self.conf = list(conf)
        self.expected = expected
        self.key = key
        self.answered = self.lost = self.refused = self.unconnected = 0
        self.unsent = self.prepared_again = 0
        self.longest = 0.0
        self.wrong = []
        self.bodies = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = False
        with Conn(self.path) as conn:
            self.token = conn.prepare_conf(self.conf, self.key)
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True)
                         for n in range(connections)]
        for thread in self._threads:
            thread.start()
        self.wait_answered(connections)

    def _count(self, name, n=1):
        with self._lock:
            setattr(self, name, getattr(self, name) + n)

    def _run(self, n):
        while not self._stopping.is_set():
            try:
                conn = Conn(self.path)
            except OSError:
                self._count("unconnected")
                self._stopping.wait(0.01)
                continue
            with conn:
                self._call_on(conn)

    def _call_on(self, conn):
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                reply = conn.req_call(self.token)
                if reply == wire.Error(wire.CONF_TOKEN_NOT_FOUND):
                    self._count("prepared_again")  # as the gateway does, and calls again
                    self.token = conn.prepare_conf(self.conf, self.key)
                    continue
            except BrokenPipeError:
                self._count("unsent")  # the runner never had it: it can be sent again
                return
            except (Closed, OSError):
                self._count("lost")
                return
            except Exception as e:  # a frame that is not valid, or not for this call
                self.wrong.append(repr(e))
                return
            if isinstance(reply, wire.Error):
                self._count("refused")
            elif reply.body in self.expected:
                self._count("answered")
                self.bodies.add(reply.body)
                self.longest = max(self.longest, time.monotonic() - begun)
            else:
                self.wrong.append(repr(reply))

    def wait_answered(self, more):
        """Until so many more calls were answered."""
        from harness import wait_until
        target = self.answered + more
        wait_until(lambda: self.answered >= target, "%d more answers; so far %d, lost %d, refused "
                   "%d, wrong %s" % (more, self.answered, self.lost, self.refused, self.wrong[:3]))

    def stop(self):
        if not self._stopped:
            self._stopped = True
            self._stopping.set()
            for thread in self._threads:
                thread.join()
        return self
