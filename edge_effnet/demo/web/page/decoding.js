// From a file or a video to a bitmap, as `edge_effnet/images.py` decodes: as stored, upright, without colour management.

/** @type {ImageBitmapOptions} */
const WANTED = { colorSpaceConversion: "none", premultiplyAlpha: "none", imageOrientation: "from-image" };

/**
 * Decode.
 *
 * @param {ImageBitmapSource} source
 * @returns {Promise<ImageBitmap>}
 */
export async function decoded(source) {
  try {
    return await createImageBitmap(source, WANTED);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return createImageBitmap(source); // a browser that does not know one of the options; upright is its default
  }
}
