"""RTSP server: streams for ffmpeg, VLC, recorders and Home Assistant."""

from .door import Door
from .server import RtspServer

__all__ = ["Door", "RtspServer"]
