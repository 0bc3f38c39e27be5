"""A camera on the network: one colour as motion JPEG over RTSP, by GStreamer's own server, in a process of its own.

Run by the system's Python, which has GStreamer's bindings: ``python3 rtsp_server.py PORT COLOUR``. It says ``ready``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

_SYSTEM_PYTHON = "/usr/bin/python3"
_NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
INSTALL = "apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-good"


def is_there() -> bool:
    """Say whether this machine has GStreamer's RTSP server."""
    if shutil.which(_SYSTEM_PYTHON) is None:
        return False
    return subprocess.run([_SYSTEM_PYTHON, "-c", _NEEDS], capture_output=True, check=False).returncode == 0


def start(port: int, colour: str) -> subprocess.Popen[str]:
    """Start a server and wait until it listens; kill it to make it die."""
    server = subprocess.Popen(
        [_SYSTEM_PYTHON, __file__, str(port), colour], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n", "the RTSP server did not start"
    return server


def _serve(port: str, colour: str) -> None:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern={colour} ! video/x-raw,format=I420,width=64,height=48,framerate=25/1"
        " ! jpegenc ! rtpjpegpay name=pay0 )"
    )
    factory.set_shared(True)
    server.get_mount_points().add_factory("/camera", factory)
    assert server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
