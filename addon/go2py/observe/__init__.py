"""Logging, secrets, events and counters: what the gateway says of itself."""
