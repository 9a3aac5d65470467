"""Decoding and encoding in process (PyAV)."""
