"""demo.heat and `demo camera --explain`: the heat lies where the evidence is, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo.conftest import CONTRACT

from edge_effnet.demo.camera import CameraRequest, run_camera
from edge_effnet.demo.heat import draw_heat
from edge_effnet.errors import DataError
from edge_effnet.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

cv2 = pytest.importorskip("cv2", reason="the extra edge-effnet[camera-headless] is not installed")

_EXPLAIN = {**CONTRACT, "explain": {"method": "cam", "features_output": 1, "weights": "map_weights"}}


def _change(scores: list[list[float]], square: tuple[float, float, int]) -> np.ndarray:
    frame = np.full((60, 100, 3), 128, np.uint8)
    before = frame.copy()
    draw_heat(cv2, frame, np.array(scores, np.float32), square)
    return np.abs(frame.astype(int) - before).max(2)


def test_only_the_square_that_the_model_sees_is_changed() -> None:
    """Outside it the model sees nothing, so nothing there can be a reason; a half pixel is cut off."""
    change = _change([[1.0, 1.0], [1.0, 1.0]], (20.5, 0.5, 59))
    assert change[:, :20].max() == change[:, 80:].max() == 0
    assert change[5:50, 25:75].min() > 20


def test_what_speaks_against_a_class_leaves_the_picture_as_it_is() -> None:
    """Zero is no colour: a dark veil over the rest would hide what the model saw there."""
    assert _change([[-1.0, -2.0], [0.0, -3.0]], (20, 0, 60)).max() <= 1


def test_heat_is_on_the_side_that_speaks_for_the_class() -> None:
    """The map is not turned over or mirrored on its way to the frame."""
    change = _change([[5.0, 0.0], [0.0, 0.0]], (20, 0, 60))
    quarters = [change[:30, 20:50], change[:30, 50:80], change[30:, 20:50], change[30:, 50:80]]
    assert np.argmax([part.mean() for part in quarters]) == 0


@pytest.mark.parametrize("mirror", [False, True])
def test_explain_draws_the_map_of_the_first_label(
    mirror: bool, tmp_path: Path, colours: Callable[..., Path]
) -> None:
    """A picture that is red on its left: the heat is there, and on the right in a mirror."""
    picture = np.full((96, 96, 3), 128, np.uint8)
    picture[:, :48] = (20, 20, 250)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    model, frames = colours(_EXPLAIN, features=True), []
    for explain in (False, True):
        out = tmp_path / f"{explain}.avi"
        options = {"headless": True, "save": out, "mirror": mirror, "explain": explain}
        summary = run_camera(CameraRequest(model, str(tmp_path / "a.png"), **options), Silent())["summary"]
        assert summary["explain"] is explain
        film = cv2.VideoCapture(str(out))
        frames.append(film.read()[1].astype(int))
        film.release()
    change = np.abs(frames[1] - frames[0]).max(2)[40:70]
    left, right = change[:, 10:40].mean(), change[:, 56:86].mean()
    assert (right, left)[not mirror] > 5 * (left, right)[not mirror] + 10


def test_explain_without_a_feature_map_is_refused(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """With what to do about it, and nothing is written."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    request = CameraRequest(
        colours(), str(tmp_path / "a.png"), headless=True, save=tmp_path / "o.avi", explain=True
    )
    with pytest.raises(DataError, match="--explain") as caught:
        run_camera(request, Silent())
    assert "--with-features" in str(caught.value)
    assert not (tmp_path / "o.avi").exists()


def test_explain_where_nothing_is_drawn_is_said(tmp_path: Path, colours: Callable[..., Path]) -> None:
    """A heat map that nobody sees was asked for by mistake."""
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    reporter = Silent()
    run_camera(
        CameraRequest(colours(_EXPLAIN, features=True), str(tmp_path / "a.png"), headless=True, explain=True),
        reporter,
    )
    assert [kind for kind, text in reporter.notes if "--explain" in text] == ["skipped"]
