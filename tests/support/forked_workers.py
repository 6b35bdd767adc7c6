"""A plugin of the suites that tests run: their workers of pytest-xdist are forks.

See `support.forks`: a worker is started as pytest-xdist starts it, and speaks with it as ever.
"""

from __future__ import annotations

import os
import sys

import pytest

from support import forked_python, forks


def pytest_cmdline_main(config: pytest.Config) -> None:
    """Give the command that starts a worker, after pytest-xdist has counted them."""
    if os.environ.get(forks.ADDRESS) and "popen" in (config.getoption("tx", None) or ()):
        command = f"{sys.executable} -IS {forked_python.__file__} {os.environ[forks.ADDRESS]}"
        config.option.tx = [f"popen//python={command}" for _ in config.option.tx]
