"""A window, where there is a display: OpenCV's own check for one ends the whole process, so another process tries first."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from edge_effnet.errors import EnvironmentFault
from edge_effnet.process import run_program

if TYPE_CHECKING:
    from edge_effnet.demo.source import Frame

__all__ = ["Screen", "require_display"]

_TITLE: Final = "edge-effnet"
_QUIT_KEYS: Final = frozenset({27, ord("q")})
_TRIAL: Final = "import cv2; cv2.namedWindow('edge-effnet'); cv2.waitKey(1); cv2.destroyAllWindows()"
_TRIAL_S: Final = 20.0
_HINT: Final = "--headless, with --save out.mp4 or --jsonl log.jsonl, needs no display"


def require_display(cv2: Any) -> None:
    """Refuse to open a window where there can be none.

    Raises:
        EnvironmentFault: There is no display, OpenCV was built without windows, or opening one fails.
    """
    if not cv2.currentUIFramework():
        raise EnvironmentFault(
            "this OpenCV was built without windows (opencv-python-headless)",
            hint=f"{_HINT}; for a window: pip uninstall opencv-python-headless, then pip install opencv-python",
        )
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise EnvironmentFault("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)", hint=_HINT)
    trial = run_program([sys.executable, "-c", _TRIAL], timeout_s=_TRIAL_S)
    if trial.returncode != 0:
        raise EnvironmentFault(
            "no window can be opened on the display",
            got=os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"),
            hint=_HINT,
        )


class Screen:
    """One window; the keys q and Esc, or closing it, end the demo."""

    def __init__(self, cv2: Any) -> None:
        self._cv2 = cv2
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(self, frame: Frame, wait_ms: int = 1) -> bool:
        """Show a frame; return whether the user wants to go on."""
        self._cv2.imshow(_TITLE, frame)
        key = self._cv2.waitKey(max(1, wait_ms)) & 0xFF
        return key not in _QUIT_KEYS and self._cv2.getWindowProperty(_TITLE, self._cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        self._cv2.destroyAllWindows()
