// Where a code comes from, besides the keyboard: the camera, or a picture that is chosen, dropped or pasted.

import { byId, say, show } from "./dom.js";
import { readFrame, readPicture } from "./qr.js";

const FRAMES_APART_MS = 120;
const LONGEST_LOOK_MS = 120_000;
const LARGEST_PICTURE_BYTES = 40 * 1024 * 1024;

/** Wire both up: `found` gets the text of a code, `canLook` says whether one is wanted now. */
export function codeSources(found, canLook) {
  const camera = new Camera(found);
  const usePicture = (file) => {
    camera.stop();
    readFile(file).then(found, (error) => say(byId("scan-notice"), error.message));
  };
  byId("camera-button").addEventListener("click", () => camera.start());
  byId("camera-stop").addEventListener("click", () => {
    camera.stop();
    byId("camera-button").focus();
  });
  byId("picture").addEventListener("change", (event) => {
    const [file] = event.target.files;
    // So that the same file can be chosen again.
    if (file) usePicture(file);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => {
    const file = pictureOf(event.clipboardData);
    if (!file || !canLook()) return;
    event.preventDefault();
    usePicture(file);
  });
  const target = byId("scan-view");
  for (const kind of ["dragenter", "dragover"]) {
    target.addEventListener(kind, (event) => {
      event.preventDefault();
      target.classList.add("is-target");
    });
  }
  target.addEventListener("dragleave", (event) => {
    if (!target.contains(event.relatedTarget)) target.classList.remove("is-target");
  });
  target.addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("is-target");
    const file = pictureOf(event.dataTransfer);
    if (file) usePicture(file);
    else say(byId("scan-notice"), "That is no picture; drop a PNG, JPEG or WebP file.");
  });
  // Nobody is filmed by a page that nobody sees.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) camera.stop();
  });
  return camera;
}

function pictureOf(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}

/** The text of the QR code in a picture file. Throws an Error that says what to do. */
export async function readFile(file) {
  say(byId("scan-notice"), null);
  if (file.size > LARGEST_PICTURE_BYTES) throw new Error("This picture is larger than 40 MB; choose a smaller one.");
  const address = URL.createObjectURL(file);
  const picture = new Image();
  picture.src = address;
  try {
    await picture.decode();
  } catch {
    throw new Error("This file cannot be shown as a picture; choose a PNG, JPEG or WebP file.");
  } finally {
    URL.revokeObjectURL(address);
  }
  const text = readPicture(picture, picture.naturalWidth || 1024, picture.naturalHeight || 1024);
  if (text === null) throw new Error("No QR code was found in this picture; choose one that shows the whole code.");
  return text;
}

class Camera {
  constructor(found) {
    this.found = found;
    this.video = byId("video");
    this.stream = null;
    this.looks = 0;
  }

  async start() {
    say(byId("scan-notice"), null);
    const look = ++this.looks;
    byId("camera-button").disabled = true;
    try {
      if (!navigator.mediaDevices) throw new Error("no camera on this address");
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      if (look !== this.looks) {
        end(stream);
        return;
      }
      this.stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      if (look !== this.looks) return;
      show(byId("camera"), true);
      show(byId("camera-button"), false);
      this.say("Hold the code inside the frame.");
      await this.watch(look);
    } catch (error) {
      if (look !== this.looks) return;
      this.stop();
      say(byId("scan-notice"), whyNoCamera(error));
    } finally {
      byId("camera-button").disabled = false;
    }
  }

  /** Let go of the camera: its light goes out. */
  stop() {
    this.looks += 1;
    if (this.stream) end(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    show(byId("camera"), false);
    show(byId("camera-button"), true);
    this.say("");
  }

  async watch(look) {
    const until = performance.now() + LONGEST_LOOK_MS;
    while (look === this.looks) {
      const text = this.video.videoWidth ? readFrame(this.video) : null;
      if (text !== null) {
        this.stop();
        this.found(text);
        return;
      }
      if (performance.now() > until) {
        this.stop();
        say(byId("scan-notice"), "No code was seen for two minutes, so the camera was stopped; scan again, or choose a picture.");
        return;
      }
      await new Promise((resume) => setTimeout(resume, FRAMES_APART_MS));
    }
  }

  say(text) {
    byId("scan-status").textContent = text;
    show(byId("scan-status"), text !== "");
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function whyNoCamera(error) {
  if (error.name === "NotAllowedError") {
    return "The camera is not allowed for this page; allow it beside the address, or choose a picture.";
  }
  if (error.name === "NotReadableError") return "The camera is used by another program; close that, or choose a picture.";
  return "There is no camera to be used here; choose a picture or paste the code.";
}
