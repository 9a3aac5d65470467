"""gst-rtsp-server with one mount `/stream`; run by the system's Python, which has PyGObject. Prints its port.

    gst_rtsp_server.py PIPELINE [--auth basic|digest] [--protocol tcp|udp] [--backchannel PIPELINE]

With a backchannel it is an ONVIF server; the pipeline's first element is called depay_backchannel.
The user is `admin`, the password `s3cret`.
"""

import argparse
import sys

import gi  # type: ignore[import-not-found]  # the system's, not ours

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

METHODS = {"basic": GstRtsp.RTSPAuthMethod.BASIC, "digest": GstRtsp.RTSPAuthMethod.DIGEST}
PROTOCOLS = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}


def protect(server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, method: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(METHODS[method])
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if method == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", "s3cret"), token)
    else:
        auth.add_digest("admin", "s3cret", token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)  # noqa: FBT003
    permissions.add_permission_for_role("user", "media.factory.construct", True)  # noqa: FBT003
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pipeline")
    parser.add_argument("--auth", choices=METHODS)
    parser.add_argument("--protocol", choices=PROTOCOLS)
    parser.add_argument("--backchannel")
    options = parser.parse_args()
    Gst.init(None)
    onvif = options.backchannel is not None
    server = GstRtspServer.RTSPOnvifServer() if onvif else GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPOnvifMediaFactory() if onvif else GstRtspServer.RTSPMediaFactory()
    if onvif:
        factory.set_backchannel_launch(f"( {options.backchannel} )")
        factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia)
    factory.set_launch(f"( {options.pipeline} )")
    factory.set_shared(True)
    if options.protocol:
        factory.set_protocols(PROTOCOLS[options.protocol])
    if options.auth:
        protect(server, factory, options.auth)
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


main()
