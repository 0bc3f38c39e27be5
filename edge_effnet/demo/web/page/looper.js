// The loop: only the newest frame is worked on, and never two at once.

import { decoded } from "./decoding.js";
import { Rate, Recent } from "./stats.js";

/** What is counted of one source. */
export class Figures {
  looked = 0;
  captured = new Rate();
  answered = new Rate();
  preprocess = new Recent();
  inference = new Recent();

  add(/** @type {import("./session.js").Answer} */ { preprocessMs, inferenceMs }) {
    this.looked += 1;
    this.answered.tick(performance.now(), this.looked);
    this.preprocess.add(preprocessMs);
    this.inference.add(inferenceMs);
  }
}

/** Works through a video's frames. */
export class Looper {
  /**
   * @param {HTMLVideoElement} video
   * @param {(bitmap: ImageBitmap) => Promise<import("./session.js").Answer>} look
   * @param {(answer: import("./session.js").Answer) => void} onAnswer
   * @param {(error: unknown) => void} onError
   */
  constructor(video, look, onAnswer, onError) {
    this.video = video;
    this.look = look;
    this.onAnswer = onAnswer;
    this.onError = onError;
    this.running = false;
    this.busy = false;
    this.fresh = false;
    this.figures = new Figures();
  }

  /** Forget all figures: another source is next. */
  clear() {
    this.figures = new Figures();
  }

  start() {
    this.running = true;
  }

  stop() {
    this.running = false;
  }

  /** A frame is shown. */
  frame(/** @type {number} */ time, /** @type {number} */ presented) {
    this.figures.captured.tick(time, presented);
    this.fresh = true;
    void this.step();
  }

  async step() {
    if (this.busy || !this.running || !this.fresh || this.video.readyState < 2) return;
    this.busy = true;
    this.fresh = false;
    const { figures } = this;
    try {
      await this.take(await decoded(this.video));
    } catch (error) {
      this.failed(error, figures);
    } finally {
      this.busy = false;
    }
    if (this.fresh) queueMicrotask(() => void this.step()); // what came meanwhile is the newest now
  }

  failed(/** @type {unknown} */ error, /** @type {Figures} */ figures) {
    if (figures !== this.figures) return; // the source went away under it
    if (error instanceof DOMException && error.name === "InvalidStateError") return; // it has no frame yet
    this.running = false;
    this.onError(error);
  }

  /** Look at one picture, of the video or not. @param {ImageBitmap} bitmap */
  async take(bitmap) {
    const { figures } = this;
    const answer = await this.look(bitmap);
    if (figures !== this.figures) return; // an answer about the source before
    figures.add(answer);
    this.onAnswer(answer);
  }
}
