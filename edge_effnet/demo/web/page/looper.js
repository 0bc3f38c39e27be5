// The loop: only the newest frame is worked on, and never two at once.

import { DECODING } from "./session.js";
import { Rate, Recent } from "./stats.js";

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
    this.clear();
  }

  /** Forget all figures: another source is next. */
  clear() {
    this.looked = 0;
    this.captured = new Rate();
    this.answered = new Rate();
    this.preprocess = new Recent();
    this.inference = new Recent();
  }

  start() {
    this.running = true;
  }

  stop() {
    this.running = false;
  }

  /** A frame is shown. */
  frame(/** @type {number} */ time, /** @type {number} */ presented) {
    this.captured.tick(time, presented);
    this.fresh = true;
    void this.step();
  }

  async step() {
    if (this.busy || !this.running || !this.fresh || this.video.readyState < 2) return;
    this.busy = true;
    this.fresh = false;
    try {
      await this.take(await createImageBitmap(this.video, DECODING));
    } catch (error) {
      this.running = false;
      this.onError(error);
    } finally {
      this.busy = false;
    }
    if (this.fresh) queueMicrotask(() => void this.step()); // what came meanwhile is the newest now
  }

  /** Look at one picture, of the video or not. @param {ImageBitmap} bitmap */
  async take(bitmap) {
    const answer = await this.look(bitmap);
    this.looked += 1;
    this.answered.tick(performance.now(), this.looked);
    this.preprocess.add(answer.preprocessMs);
    this.inference.add(answer.inferenceMs);
    this.onAnswer(answer);
  }
}
