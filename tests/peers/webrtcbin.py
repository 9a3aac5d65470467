"""A WebRTC viewer made of GStreamer's webrtcbin, run by the system's Python.

Prints its offer as a JSON line, reads the answer as one, then prints `{"pictures": n, "caps": …}` as it decodes them.
"""

# mypy: ignore-errors
# What `gi` makes of GStreamer's introspection data has no types, and is not installed beside the gateway.

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

DEPAYLOADERS = {"H265": "rtph265depay ! h265parse ! avdec_h265", "H264": "rtph264depay ! h264parse ! avdec_h264"}


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201


class Viewer:
    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.pictures = 0
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new()
        self.webrtc = Gst.ElementFactory.make("webrtcbin")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("pad-added", self.pad_added)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        caps = Gst.Caps.from_string(
            f"application/x-rtp,media=video,encoding-name={encoding},payload=96,clock-rate=90000,"
            "rtcp-fb-nack=true,rtcp-fb-nack-pli=true"
        )
        self.pipeline.set_state(Gst.State.PLAYING)
        self.webrtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
        self.webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise: Gst.Promise) -> None:
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.webrtc.emit("set-local-description", offer, None)

    def gathered(self, webrtc: Gst.Element, _: object) -> None:
        if webrtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        say(offer=webrtc.get_property("local-description").sdp.as_text())
        GLib.idle_add(self.answered)

    def answered(self) -> bool:
        text = json.loads(sys.stdin.readline())["answer"]
        _, message = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", answer, None)
        return False

    def pad_added(self, _: Gst.Element, pad: Gst.Pad) -> None:
        text = f"{DEPAYLOADERS[self.encoding]} ! fakesink name=sink signal-handoffs=true sync=false"
        branch = Gst.parse_bin_from_description(text, ghost_unlinked_pads=True)
        branch.get_by_name("sink").connect("handoff", self.decoded)
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def decoded(self, _sink: Gst.Element, _buffer: Gst.Buffer, pad: Gst.Pad) -> None:
        self.pictures += 1
        say(pictures=self.pictures, caps=pad.get_current_caps().to_string())


Gst.init(None)
Viewer(sys.argv[1]).loop.run()
