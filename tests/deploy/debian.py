"""Programs of other people that tests run: from Debian's packages, as `.ci/run` installs them."""

import os
import shutil

import pytest

_PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}


def program(name: str) -> str:
    """Path of a program; without it the test is skipped on a desk and fails in CI."""
    path = shutil.which(name)
    if path is None:
        told = f"{name} is not installed: apt-get install {_PACKAGES[name]}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return path
