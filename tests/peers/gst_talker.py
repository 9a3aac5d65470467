"""GStreamer's rtspsrc watches and talks on the ONVIF backchannel; runs under the system's Python.

`gst_talker.py URL tcp|udp HERTZ` sends a tone as PCMA and prints `picture` when it has received one.
"""

import ctypes
import sys
from typing import Any

import gi  # type: ignore[import-not-found]  # the system's, not ours

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # type: ignore[import-not-found]  # noqa: E402

KEEP = ctypes.CDLL("libgstreamer-1.0.so.0").gst_mini_object_ref
KEEP.argtypes = [ctypes.c_void_p]


class Talker:
    def __init__(self, url: str, transport: str, hertz: str) -> None:
        self.pipe = Gst.parse_launch(
            f"rtspsrc name=src location={url} protocols={transport} backchannel=onvif latency=0"
            " src. ! application/x-rtp,media=video ! fakesink name=view signal-handoffs=true sync=false"
        )
        self.voice = Gst.parse_launch(
            f"audiotestsrc is-live=true freq={hertz} volume=0.5 samplesperbuffer=160"
            " ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay ! appsink name=out emit-signals=true sync=false"
        )
        self.source = self.pipe.get_by_name("src")
        self.source.connect("select-stream", self.select)
        self.pipe.get_by_name("view").connect("handoff", self.seen)
        self.voice.get_by_name("out").connect("new-sample", self.say)
        self.stream = -1
        self.told = False

    def select(self, _source: Any, number: int, caps: Any) -> bool:
        """Which stream is the backchannel: the only one that is `sendonly`."""
        if caps.get_structure(0).has_field("a-sendonly"):
            self.stream = number
            GLib.timeout_add(300, self.begin)
        return True

    def begin(self) -> bool:
        self.voice.set_state(Gst.State.PLAYING)
        return False

    def say(self, sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        KEEP(hash(sample))  # this GStreamer gives away a reference that it does not own
        self.source.emit("push-backchannel-sample", self.stream, sample)
        return Gst.FlowReturn.OK

    def seen(self, *_: object) -> None:
        if not self.told:
            self.told = True
            sys.stdout.write("picture\n")
            sys.stdout.flush()

    def run(self) -> None:
        self.pipe.set_state(Gst.State.PLAYING)
        GLib.MainLoop().run()


Gst.init(None)
Talker(*sys.argv[1:4]).run()
