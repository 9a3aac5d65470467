"""Streams: sources supervised, tracks fanned out, readers attached."""
