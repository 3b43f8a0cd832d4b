// Finding the QR code of a picture, be it a file or what a camera sees now.

import { decodeQR } from "./vendor/qr/decode.js";

const LARGEST_SIDE = 1600;
const SMALLER_SIDES = [900, 450];
// A code that fills the picture to its edge has lost the quiet zone that a reader needs.
const MARGIN = 0.08;
const PATIENT = { effort: 24, timeLimit: 400 };
const QUICK = { effort: 2, timeLimit: 40 };

/** The text of the QR code in a picture (anything that a canvas can draw, with its size), or null. Takes its time. */
export function readPicture(picture, width, height) {
  for (const side of [LARGEST_SIDE, ...SMALLER_SIDES]) {
    const text =
      readPixels(drawn(picture, width, height, side, "white"), PATIENT) ??
      readPixels(inverted(drawn(picture, width, height, side, "black")), PATIENT);
    if (text !== null) return text;
  }
  return null;
}

/** The text of the QR code that a video shows now, or null. Quick, for many times a second. */
export function readFrame(video) {
  return readPixels(drawn(video, video.videoWidth, video.videoHeight, SMALLER_SIDES[0], "white", 0), QUICK);
}

function readPixels(pixels, how) {
  try {
    return decodeQR(pixels, how) || null;
  } catch {
    // It throws for every picture without a code.
    return null;
  }
}

const canvas = document.createElement("canvas");

function drawn(picture, width, height, largestSide, ground, margin = MARGIN) {
  const scale = Math.min(1, largestSide / Math.max(width, height));
  const [wide, high] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const edge = Math.round(Math.max(wide, high) * margin);
  canvas.width = wide + 2 * edge;
  canvas.height = high + 2 * edge;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, edge, edge, wide, high);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function inverted(pixels) {
  const data = pixels.data.map((value, index) => (index % 4 === 3 ? 255 : 255 - value));
  return { width: pixels.width, height: pixels.height, data };
}
