// Where pictures come from: a camera, a film file, a picture file.

import { decoded } from "./decoding.js";
import { cameraError, PageError } from "./errors.js";

/** As `edge_effnet/images.py`: above any phone's full-resolution mode. */
const MAX_PIXELS = 64_000_000;
/** Asked of a camera; it may answer with another. Larger frames cost time and give no better answer at 224 px. */
const WANTED = { width: { ideal: 640 }, height: { ideal: 480 } };

/** @typedef {"environment" | "user"} Facing */

/**
 * Open a camera.
 *
 * @param {{deviceId?: string, facing?: Facing}} choice
 * @returns {Promise<{stream: MediaStream, label: string, deviceId: string, facing: string}>}
 * @throws {PageError}
 */
export async function openCamera({ deviceId, facing = "environment" }) {
  if (!globalThis.isSecureContext) throw new PageError("not-secure", `${location.origin} is neither https nor localhost`);
  if (navigator.mediaDevices?.getUserMedia === undefined) throw new PageError("old-browser", "no navigator.mediaDevices");
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: facing } };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WANTED, ...which } });
    const [track] = stream.getVideoTracks();
    const said = track.getSettings?.() ?? {};
    return { stream, label: track.label || "camera", deviceId: said.deviceId ?? "", facing: said.facingMode ?? "" };
  } catch (error) {
    throw cameraError(error);
  }
}

/** The cameras that may be named: none before the first permission. @returns {Promise<{deviceId: string, label: string}[]>} */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices
    .filter((device) => device.kind === "videoinput" && device.deviceId !== "")
    .map(({ deviceId, label }, index) => ({ deviceId, label: label || `camera ${index + 1}` }));
}

/** Whether the camera may be opened without a question. */
export async function isAllowed() {
  try {
    const { state } = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("camera") });
    return state === "granted";
  } catch {
    return false; // a browser that has no such question asks the user
  }
}

/** @param {Blob} file  @returns {Promise<ImageBitmap>}  @throws {PageError} */
export async function openPicture(file) {
  let bitmap;
  try {
    bitmap = await decoded(file);
  } catch (error) {
    throw new PageError("picture", String(error));
  }
  if (bitmap.width * bitmap.height <= MAX_PIXELS) return bitmap;
  throw new PageError("picture-size", `${bitmap.width} x ${bitmap.height} px`);
}

/** Play a camera's stream or a film in a video element. @param {HTMLVideoElement} video @param {MediaStream | Blob} from */
export async function play(video, from) {
  release(video);
  const isFilm = from instanceof Blob;
  if (isFilm) video.src = URL.createObjectURL(from);
  else video.srcObject = from;
  video.loop = isFilm;
  try {
    await video.play();
  } catch (error) {
    throw new PageError(isFilm ? "picture" : "camera-in-use", String(error));
  }
}

/** End a camera's stream. @param {MediaStream} stream */
export function stop(stream) {
  stream.getTracks().forEach((track) => track.stop());
}

/** Let go of what a video element shows; a camera's light goes out. @param {HTMLVideoElement} video */
export function release(video) {
  if (video.srcObject instanceof MediaStream) stop(video.srcObject);
  video.srcObject = null;
  if (video.src) {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  }
}

/**
 * Call back for every frame that a video shows: with the time in ms and the number of frames so far.
 *
 * @param {HTMLVideoElement} video
 * @param {(time: number, presented: number) => void} onFrame
 */
export function watchFrames(video, onFrame) {
  let count = 0;
  let seen = -1;
  if ("requestVideoFrameCallback" in video) {
    const step = (/** @type {number} */ now, /** @type {{presentedFrames: number}} */ { presentedFrames }) => {
      video.requestVideoFrameCallback(step);
      onFrame(now, presentedFrames);
    };
    video.requestVideoFrameCallback(step);
    return;
  }
  const step = (/** @type {number} */ now) => { // a browser without that call: the film's clock tells new frames
    requestAnimationFrame(step);
    const { currentTime } = /** @type {HTMLVideoElement} */ (video);
    if (currentTime === seen) return;
    seen = currentTime;
    count += 1;
    onFrame(now, count);
  };
  requestAnimationFrame(step);
}
