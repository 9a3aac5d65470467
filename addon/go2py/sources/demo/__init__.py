"""`demo:`, the camera inside: a picture with a clock and a sound, made in process, for first runs and tests."""

from .source import spec

__all__ = ["spec"]
