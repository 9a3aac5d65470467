"""Runs pytest beside a newer Home Assistant than the plugin was made for: `python tests/ha/next.py [arguments]`."""

import sys

import homeassistant  # noqa: F401  first: it replaces voluptuous and httpx, which the plugin imports
import pytest
from homeassistant.components import logger
from homeassistant.components.logger import helpers

if __name__ == "__main__":
    if not hasattr(logger, "_clear_logger_overwrites"):  # it moved
        logger._clear_logger_overwrites = helpers._clear_logger_overwrites
    sys.exit(pytest.main(sys.argv[1:]))
