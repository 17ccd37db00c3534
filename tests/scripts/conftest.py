# SPDX-License-Identifier: Apache-2.0
import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def load_script():
    """load_script("scripts/x"): a script of the project, whose name has no ending, as a module."""
    def load(name):
        loader = importlib.machinery.SourceFileLoader(pathlib.Path(name).name, str(ROOT / name))
        module = importlib.util.module_from_spec(
            importlib.util.spec_from_loader(loader.name, loader))
        loader.exec_module(module)
        return module
    return load
