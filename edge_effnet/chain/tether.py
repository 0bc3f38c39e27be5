"""`python -m edge_effnet.chain.tether VERB …`: the command `edge-effnet`, which ends with the process that started it.

Its stdin is a pipe that the other process holds open. When that ends, however it ends, so does this one: a killed cluster node or a
killed run leaves no job behind. A request to stop is taken like Ctrl-C, so that half-written files are removed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from typing import Any, Final

__all__ = ["hold", "main"]

_PATIENCE_S: Final = 5.0


def _watch() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _stop(number: int, frame: Any) -> None:
    del number, frame
    raise KeyboardInterrupt


def hold() -> None:
    """End this process when its stdin ends; from now on a request to stop is taken like Ctrl-C."""
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_watch, daemon=True).start()


def main() -> None:
    """Run the command line behind this module's name."""
    hold()
    sys.argv[0] = "edge-effnet"
    runpy.run_module("edge_effnet", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
