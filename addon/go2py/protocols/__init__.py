"""Sans-IO wire formats: bytes in, values and events out, time as an argument."""
