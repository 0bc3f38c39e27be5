// From a choice of the user to pictures on the stage.

import { changed, enter, fail, input, looper, state, video } from "./app.js";
import { listCameras, openCamera, openPicture, play, release, stop } from "./camera.js";
import { PageError } from "./errors.js";
import { hideError, part, showCameras } from "./view.js";

const still = /** @type {HTMLCanvasElement} */ (part("still"));
/** @typedef {{deviceId?: string, facing?: import("./camera.js").Facing}} Choice */

const camera = { deviceId: "", facing: /** @type {string} */ ("") };
/** @type {Blob | null} */
let picture = null;
let choices = 0;

/** A choice of the user ends the one before: what that still waits for is not shown. @returns {() => boolean} whether it is the newest */
function newChoice() {
  choices += 1;
  const mine = choices;
  picture = null;
  hideError();
  release(video);
  return () => mine === choices;
}

async function setMirror(/** @type {boolean} */ isMirror) {
  input("mirror").checked = isMirror;
  await changed();
}

/** Show a camera. @param {Choice} choice */
export async function useCamera(choice) {
  const isNewest = newChoice();
  part("source").textContent = "Waiting for the camera: the browser may ask for your permission.";
  try {
    const { stream, label, deviceId, facing } = await openCamera(choice);
    if (!isNewest()) return stop(stream);
    watchTrack(stream.getVideoTracks()[0], choice);
    await enter("camera", label);
    if (isNewest()) await setMirror(facing === "user");
    if (!isNewest()) return stop(stream);
    await play(video, stream);
    Object.assign(camera, { deviceId, facing });
    await showDevices();
  } catch (error) {
    if (!isNewest()) return;
    release(video);
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
  const isNewest = newChoice();
  try {
    await (file.type.startsWith("video/") ? useFilm(file, isNewest) : usePicture(file, isNewest));
  } catch (error) {
    if (!isNewest()) return;
    release(video);
    await enter("none", "No picture yet.");
    fail(error, null);
  }
}

async function useFilm(/** @type {File} */ file, /** @type {() => boolean} */ isNewest) {
  await enter("film", file.name);
  if (isNewest()) await setMirror(false);
  if (isNewest()) await play(video, file);
}

async function usePicture(/** @type {File} */ file, /** @type {() => boolean} */ isNewest) {
  const shown = await openPicture(file);
  if (!isNewest()) return shown.close();
  await enter("picture", `${file.name}, ${shown.width} x ${shown.height} px`);
  if (isNewest()) await setMirror(false);
  if (!isNewest()) return shown.close();
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
