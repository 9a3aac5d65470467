"""A Home Assistant of our own, for `scripts/run` and tests/e2e. Needs aiohttp, so it runs in the gateway's .venv."""
