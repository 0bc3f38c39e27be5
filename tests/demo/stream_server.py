"""A small camera on the network: JPEG frames over HTTP, which dies and comes back when a test says so."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


class StreamServer:
    """Serves ``multipart/x-mixed-replace`` on the loopback address; each frame is one colour."""

    def __init__(self, colour: tuple[int, int, int] = (0, 0, 255), port: int = 0) -> None:
        import cv2

        self.alive = True
        picture = np.full((48, 64, 3), colour, np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while server.alive:
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                        self.wfile.write(head.encode() + jpeg + b"\r\n")
                        self.wfile.flush()
                        time.sleep(0.02)
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/camera.mjpg"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def die(self) -> None:
        """Break every connection off and answer no more."""
        self.alive = False
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
