"""RTSP server: streams for ffmpeg, VLC, recorders and Home Assistant."""

from .server import RtspServer

__all__ = ["RtspServer"]
