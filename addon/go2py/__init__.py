"""go2py: a camera gateway that speaks go2rtc's API."""

__version__ = "0.1.0"
