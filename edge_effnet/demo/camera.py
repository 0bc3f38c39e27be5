"""The loop of `demo camera`: while the network looks at one frame, the next is read and the one before is drawn."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from edge_effnet.artifacts import check_output
from edge_effnet.demo.classifier import load_classifier
from edge_effnet.demo.film import FORMATS, Film, film_output
from edge_effnet.demo.heat import draw_heat
from edge_effnet.demo.overlay import draw_overlay, plain_text
from edge_effnet.demo.reader import Reader
from edge_effnet.demo.record import FrameRecord, Times, frame_log, percentile, write_line
from edge_effnet.demo.screen import Screen, require_display
from edge_effnet.demo.smooth import Smoother, best
from edge_effnet.demo.source import cv2_module, source_from_text
from edge_effnet.errors import DataError, UsageError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from edge_effnet.demo.classifier import Answer, Classifier
    from edge_effnet.demo.reader import Captured
    from edge_effnet.demo.smooth import Guess
    from edge_effnet.demo.source import Source
    from edge_effnet.progress import Reporter
    from edge_effnet.runtimes.base import Tensor

__all__ = ["CameraRequest", "run_camera"]

SMOOTH_SHARE = 0.5
_RECENT = 100
"""Frames that the figures on the picture are of."""

_STILL_MS = 700
"""How long a still picture stays in the window."""


@dataclass(frozen=True)
class CameraRequest:
    """What a demo is asked for; the options of the command line.

    Attributes:
        model: A .tflite file.
        source: See `edge_effnet.demo.source.source_from_text`.
        top_k: Labels that are shown.
        threshold: Smallest score that is shown, 0 to 1.
        smooth: What the frames before count; None for half of it, and for nothing between still pictures.
        headless: Open no window.
        save: Film to write.
        jsonl: Log to write; ``-`` for stdout.
        force: Overwrite both.
        max_frames: Frames to look at; None for all.
        every_n: Look at each n-th frame only.
        engine: What runs the model.
        target: Where it runs.
        threads: Threads inside one inference.
        cpus: Cores that the model's process stays on.
        explain: Draw where the evidence for the first label lies.
        mirror: Show the picture as a mirror would; the model sees it as it is.
        size: Width and height asked of a camera.
        give_up_s: How long a live source that broke off is waited for.
    """

    model: Path
    source: str = "0"
    top_k: int = 3
    threshold: float = 0.05
    smooth: float | None = None
    headless: bool = False
    save: Path | None = None
    jsonl: Path | None = None
    force: bool = False
    max_frames: int | None = None
    every_n: int = 1
    engine: str = "xnnpack"
    target: str = "local"
    threads: int = 1
    cpus: tuple[int, ...] = ()
    explain: bool = False
    mirror: bool = False
    size: tuple[int, int] | None = None
    give_up_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be done, before anything is opened."""
        rows: tuple[tuple[str, float, float], ...] = (
            ("--top-k", self.top_k, 1),
            ("--every-n", self.every_n, 1),
            ("--max-frames", 1 if self.max_frames is None else self.max_frames, 1),
            ("--threads", self.threads, 1),
            ("--give-up", self.give_up_s, 0),
        )
        for name, value, least in rows:
            if not value >= least:
                raise UsageError(f"{name} is out of range", got=value, allowed=f"{least} or more")
        if not 0.0 <= self.threshold <= 1.0:
            raise UsageError("--threshold is out of range", got=self.threshold, allowed="0 to 1")
        Smoother(self.smooth or 0.0)
        for path in (self.save, self.jsonl):
            if path is not None and str(path) != "-":
                check_output(path, force=self.force)
        if self.save is not None and self.save.suffix.lower() not in FORMATS:
            raise UsageError("the film's format is not known", got=self.save, allowed=", ".join(FORMATS))


@dataclass
class _Job:
    """A frame on its way through the network."""

    captured: Captured
    preprocess_ms: float
    answer: Future[tuple[Answer, float]]


class _Show:
    """What happens to a frame behind the network: smoothed, drawn, shown, written."""

    def __init__(self, request: CameraRequest, classifier: Classifier, source: Source, cv2: Any) -> None:
        share = (SMOOTH_SHARE if source.moving else 0.0) if request.smooth is None else request.smooth
        self._request, self._classifier, self._cv2 = request, classifier, cv2
        self._smoother = Smoother(share)
        self._source = source
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_RECENT)
        self.times = Times()
        self.film: Film | None = None
        self.log: IO[str] | None = None
        self.screen: Screen | None = None
        self.first_s = self.last_s = 0.0
        self.frames = 0

    def finish(self, job: _Job) -> bool:
        """Wait for a frame's answer and show it; return whether the user wants to go on."""
        answer, inference_ms = job.answer.result()
        captured, request = job.captured, self._request
        mean = self._smoother.add(answer.probabilities)
        top = best(mean, self._classifier.labels, count=request.top_k, threshold=request.threshold)
        self.last_s = time.perf_counter()
        self._recent.append((self.last_s, inference_ms, captured.capture_ms))
        started = time.perf_counter()
        picture = self._drawn(captured, top, answer) if self.film or self.screen else captured.frame
        draw_ms = 1e3 * (time.perf_counter() - started)
        record = FrameRecord(
            captured.index,
            captured.time_s,
            top,
            captured.capture_ms,
            job.preprocess_ms,
            inference_ms,
            draw_ms,
        )
        self.frames += 1
        self.times.add(record)
        write_line(self.log, record.to_record())
        if self.film is not None:
            self.film.add(picture, captured.time_s)
        return self.screen is None or self.screen.show(picture, self._pause_ms(captured))

    def _pause_ms(self, captured: Captured) -> int:
        """Return how long a frame stays in the window: a film plays at its own speed there, if the network is fast enough."""
        source = self._source
        if not source.moving:
            return _STILL_MS
        if source.live or source.fps is None:
            return 1
        due_s = self.first_s + captured.index / source.fps
        return max(1, int(1e3 * (due_s - time.perf_counter())))

    def _drawn(self, captured: Captured, top: list[Guess], answer: Answer) -> Any:
        picture, square = captured.frame.copy(), self._classifier.resizer.square(captured.frame)
        maps = self._classifier.maps
        if self._request.explain and maps is not None and answer.features is not None and top:
            draw_heat(self._cv2, picture, maps.scores(answer.features, top[0].index), square)
        if self._request.mirror:  # the words are drawn after it
            picture = self._cv2.flip(picture, 1)
        draw_overlay(self._cv2, picture, top, self._status(), square)
        return picture

    def _status(self) -> list[str]:
        inference = [row[1] for row in self._recent]
        spent_s = self._recent[-1][0] - self._recent[0][0]
        fps = (len(self._recent) - 1) / spent_s if spent_s > 0 else 0.0
        capture_ms = percentile([row[2] for row in self._recent], 0.5)
        classifier = self._classifier
        speed = f"{fps:.1f} frames/s   capture {capture_ms:.1f} ms   inference p50 "
        speed += f"{percentile(inference, 0.5):.1f} ms  p90 {percentile(inference, 0.9):.1f} ms"
        where = f"{classifier.engine} at {plain_text(classifier.target, 30)}"
        return [speed, f"{plain_text(classifier.path.name, 60)}   {where}"]


def run_camera(request: CameraRequest, reporter: Reporter) -> dict[str, Any]:
    """Run the demo until the source ends, enough frames are seen, the window is closed or Ctrl-C is pressed.

    Returns:
        The summary; see docs/json.md.

    Raises:
        UsageError: An option is out of range, an output exists, or there is no such source.
        DataError: The model, its contract or the source is unusable.
        EnvironmentFault: OpenCV, the runtime, the camera, the stream or the display is missing.
    """
    cv2 = cv2_module()
    if not request.headless:
        require_display(cv2)
    source = source_from_text(request.source, size=request.size)
    classifier = load_classifier(
        request.model, engine=request.engine, place=request.target, threads=request.threads, cpus=request.cpus
    )
    with contextlib.closing(classifier):
        if request.explain:
            _require_maps(request, classifier, reporter)
        for text in classifier.notes:
            reporter.note("warning", text)
        reader = Reader(
            source,
            every_n=request.every_n,
            give_up_s=request.give_up_s,
            note=lambda text: reporter.note("warning", text),
        )
        with contextlib.closing(reader), contextlib.ExitStack() as outputs:
            _leave_cores_to_the_network(outputs)
            show = _Show(request, classifier, source, cv2)
            show.log = outputs.enter_context(frame_log(request.jsonl, force=request.force))
            if request.save is not None:
                fps = None if source.fps is None else source.fps / request.every_n
                show.film = outputs.enter_context(
                    film_output(
                        cv2,
                        request.save,
                        force=request.force,
                        fps=fps,
                        live=source.live,
                        moving=source.moving,
                    )
                )
            if not request.headless:
                show.screen = Screen(cv2)
                outputs.callback(show.screen.close)
            stopped = _loop(request, classifier, reader, show, live=source.live)
            for text in source.skipped:
                reporter.note("skipped", text)
            if show.frames == 0 and stopped == "interrupted":
                raise KeyboardInterrupt
            if show.frames == 0:
                raise DataError("the source gave no frame", got=source.name)
            record = {
                "schema_version": 1,
                "summary": _summary(request, classifier, source, reader, show, stopped),
            }
            write_line(show.log, record)
    return record


def _require_maps(request: CameraRequest, classifier: Classifier, reporter: Reporter) -> None:
    if classifier.maps is None:
        raise DataError(
            "--explain needs the model's last feature map, and this file does not give it out",
            got=classifier.path,
            hint="export it with `edge-effnet convert .. --with-features`",
        )
    if request.headless and request.save is None:
        reporter.note("skipped", "--explain: nothing is drawn without a window or --save")


def _leave_cores_to_the_network(outputs: contextlib.ExitStack) -> None:
    """Keep numpy's small products on one thread: its idle threads spin, and take the cores that the network needs."""
    with contextlib.suppress(ImportError):  # a device may have numpy alone: slower, and right
        from threadpoolctl import threadpool_limits

        outputs.enter_context(threadpool_limits(1, user_api="blas"))


def _loop(request: CameraRequest, classifier: Classifier, reader: Reader, show: _Show, *, live: bool) -> str:
    """Look at frames; return why it ended. Ctrl-C is a way to end it, so what was recorded is kept."""
    waiting: _Job | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="network") as network:
        try:
            show.first_s = time.perf_counter()
            for number, captured in enumerate(reader, 1):
                job = _started(classifier, captured, network)
                if waiting is not None and not show.finish(waiting):
                    return "closed"
                waiting = job
                if live:  # its answer is shown at once, and the next frame is taken as late as possible
                    waiting = None
                    if not show.finish(job):
                        return "closed"
                if number == request.max_frames:
                    break
            else:
                number = 0
            if waiting is not None:
                show.finish(waiting)
        except KeyboardInterrupt:
            return "interrupted"
    return "max-frames" if number else "end"


def _started(classifier: Classifier, captured: Captured, network: ThreadPoolExecutor) -> _Job:
    started = time.perf_counter()
    pixels = classifier.prepare(captured.frame)
    preprocess_ms = 1e3 * (time.perf_counter() - started)
    return _Job(captured, preprocess_ms, network.submit(_infer, classifier, pixels))


def _infer(classifier: Classifier, pixels: Tensor) -> tuple[Answer, float]:
    """Return the answer and the milliseconds that it took, the way to the worker included."""
    started = time.perf_counter()
    answer = classifier.look(pixels)
    return answer, 1e3 * (time.perf_counter() - started)


def _summary(
    request: CameraRequest, classifier: Classifier, source: Source, reader: Reader, show: _Show, stopped: str
) -> dict[str, Any]:
    seconds = show.last_s - show.first_s
    return {
        "frames": show.frames,
        "fps": round(show.frames / seconds, 3) if seconds > 0 else 0.0,
        **show.times.to_record(),
        "seconds": round(seconds, 3),
        "stopped": stopped,
        "dropped": reader.dropped,
        "reconnects": reader.reconnects,
        "skipped": list(source.skipped),
        "source": source.name,
        "live": source.live,
        "model": str(classifier.path),
        "sha256": classifier.sha256,
        "engine": classifier.engine,
        "target": classifier.target,
        "runtime": classifier.runtime,
        "threads": classifier.threads,
        "preprocessing": classifier.resizer.preprocessing.id,
        "explain": request.explain,
        "notes": list(classifier.notes),
    }
