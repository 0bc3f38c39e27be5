// From a choice of the user to pictures on the stage.

import { changed, enter, fail, input, looper, state, video } from "./app.js";
import { listCameras, openCamera, openPicture, play, release } from "./camera.js";
import { PageError } from "./errors.js";
import { hideError, part, showCameras } from "./view.js";

const still = /** @type {HTMLCanvasElement} */ (part("still"));
/** @typedef {{deviceId?: string, facing?: import("./camera.js").Facing}} Choice */

const camera = { deviceId: "", facing: /** @type {string} */ ("") };
/** @type {Blob | null} */
let picture = null;

async function setMirror(/** @type {boolean} */ isMirror) {
  input("mirror").checked = isMirror;
  await changed();
}

/** Show a camera. @param {Choice} choice */
export async function useCamera(choice) {
  hideError();
  part("source").textContent = "Waiting for the camera: the browser may ask for your permission.";
  release(video);
  try {
    const { stream, label, deviceId, facing } = await openCamera(choice);
    watchTrack(stream.getVideoTracks()[0], choice);
    await enter("camera", label);
    await setMirror(facing === "user");
    await play(video, stream);
    Object.assign(camera, { deviceId, facing });
    await showDevices();
  } catch (error) {
    await enter("none", "No picture yet.");
    fail(error, () => void useCamera(choice));
  }
}

function watchTrack(/** @type {MediaStreamTrack} */ track, /** @type {Choice} */ choice) {
  const { label } = track;
  track.addEventListener("mute", () => (part("source").textContent = `${label} gives no pictures at the moment`));
  track.addEventListener("unmute", () => (part("source").textContent = label));
  track.addEventListener("ended", async () => { // by itself: release() stops a track without this event
    release(video);
    await enter("none", "The camera is gone.");
    fail(new PageError("camera-lost", `${label} ended`), () => void useCamera(choice));
  });
}

/** Change from front to back, or to the next one in the list where cameras have no side. */
export function flip() {
  const select = /** @type {HTMLSelectElement} */ (part("camera"));
  const next = select.options[(select.selectedIndex + 1) % select.options.length];
  if (camera.facing === "user" || camera.facing === "environment") void useCamera({ facing: camera.facing === "user" ? "environment" : "user" });
  else void useCamera({ deviceId: next?.value });
}

/** List the cameras that are there now. */
export async function showDevices() {
  showCameras(await listCameras().catch(() => []), camera.deviceId);
}

/** Show a picture or a film. @param {File} file */
export async function useFile(file) {
  hideError();
  release(video);
  picture = null;
  try {
    await (file.type.startsWith("video/") ? useFilm(file) : usePicture(file));
  } catch (error) {
    await enter("none", "No picture yet.");
    fail(error, null);
  }
}

async function useFilm(/** @type {File} */ file) {
  await enter("film", file.name);
  await setMirror(false);
  await play(video, file);
}

async function usePicture(/** @type {File} */ file) {
  const shown = await openPicture(file);
  await enter("picture", `${file.name}, ${shown.width} x ${shown.height} px`);
  await setMirror(false);
  Object.assign(still, { width: shown.width, height: shown.height });
  part("stage").style.setProperty("--aspect", String(shown.width / shown.height));
  still.getContext("2d")?.drawImage(shown, 0, 0);
  shown.close();
  picture = file;
  await lookAtPicture();
}

/** Classify the still picture, if there is one and a model. */
export async function lookAtPicture() {
  if (picture !== null && state.engine !== null) await looper.take(await openPicture(picture));
}
