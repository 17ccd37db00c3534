# SPDX-License-Identifier: Apache-2.0
"""Makes wire_dump, so that these tests need nothing that was built before."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("-O1 -g -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror "
         "-fsanitize=address,undefined -fno-sanitize-recover=all").split()


@pytest.fixture(scope="session")
def dump(tmp_path_factory):
    """dump("gateway" or "runner", paths) gives what our codec reads in the files' frames."""
    program = tmp_path_factory.mktemp("wire_dump") / "wire_dump"
    subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-I", ROOT / "src",
                    ROOT / "tests/golden/wire_dump.c", *sorted((ROOT / "src/wire").glob("*.c")),
                    "-o", program], check=True)

    def dump(side, paths):
        done = subprocess.run([program, side, *paths], stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]

    return dump


@pytest.fixture(scope="session")
def a6(tmp_path_factory):
    """The folder of Python modules that flatc makes of the schema, importable as A6."""
    folder = tmp_path_factory.mktemp("flatc")
    subprocess.run(["flatc", "--python", "-o", folder, ROOT / "tests/support/ext-plugin.fbs"],
                   check=True)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
