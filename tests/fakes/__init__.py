"""Peers that misbehave on request."""
