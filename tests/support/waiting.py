# SPDX-License-Identifier: Apache-2.0
"""How tests wait: for something that happens, with TIMEOUT as the end of all hope."""
import os
import time

# Sanitizers and busy machines make all slower; nothing waits so long when all is well.
TIMEOUT = float(os.environ.get("A6_TEST_TIMEOUT", "30"))


def wait_until(condition, what, timeout=TIMEOUT):
    """Gives what condition() gives as soon as that is true."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s in vain for %s" % (timeout, what))
        time.sleep(0.005)
