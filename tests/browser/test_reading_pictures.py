"""QR codes in pictures: what segno draws is read at any size, turned, inverted and photographed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Page, chromium
from tests.browser.conftest import page_in
from tests.browser.pictures import camera_film, qr_picture
from tests.sandbox.processes import Sandbox

CODE = "https://pay.acqp.example/2810060400010123456789ABCDEF"
CODES = [CODE, "1", "支払い – à la carte", "x" * 512]

#: Draws the picture in given[0] as the expression in given[1] says, and reads the canvas.
READ = """
    const { readPicture } = await import("/pages/qr.js");
    const image = new Image();
    image.src = given[0];
    await image.decode();
    const [w, h] = [image.naturalWidth, image.naturalHeight];
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    const draw = {
        plain: () => { canvas.width = w; canvas.height = h; context.drawImage(image, 0, 0); },
        turned: (degrees) => {
            canvas.width = canvas.height = Math.ceil(Math.hypot(w, h));
            context.fillStyle = "white";
            context.fillRect(0, 0, canvas.width, canvas.height);
            context.translate(canvas.width / 2, canvas.height / 2);
            context.rotate((degrees * Math.PI) / 180);
            context.drawImage(image, -w / 2, -h / 2);
        },
        inverted: () => {
            canvas.width = w; canvas.height = h;
            context.filter = "invert(1)";
            context.drawImage(image, 0, 0);
        },
        scaled: (wide, high) => {
            canvas.width = wide; canvas.height = high;
            context.drawImage(image, 0, 0, wide, high);
        },
        // On a large grey ground, small, turned, out of focus, badly lit and with noise.
        photographed: (wide, high, part, degrees, blur) => {
            canvas.width = wide; canvas.height = high;
            const light = context.createLinearGradient(0, 0, wide, high);
            light.addColorStop(0, "#8d8577");
            light.addColorStop(1, "#4b4740");
            context.fillStyle = light;
            context.fillRect(0, 0, wide, high);
            context.translate(wide * 0.55, high * 0.45);
            context.rotate((degrees * Math.PI) / 180);
            context.transform(1, 0.06, -0.08, 0.95, 0, 0);
            context.filter = `blur(${blur}px) brightness(0.75) contrast(0.7)`;
            const side = Math.min(wide, high) * part;
            context.drawImage(image, -side / 2, -side / 2, side, side);
            context.setTransform(1, 0, 0, 1, 0, 0);
            const pixels = context.getImageData(0, 0, wide, high);
            let seed = 7;
            for (let at = 0; at < pixels.data.length; at += 4) {
                seed = (seed * 1103515245 + 12345) % 2147483648;
                const noise = (seed / 2147483648 - 0.5) * 40;
                for (let part = 0; part < 3; part += 1) pixels.data[at + part] += noise;
            }
            context.putImageData(pixels, 0, 0);
        },
    };
    draw[given[1]](...given[2]);
    return readPicture(canvas, canvas.width, canvas.height);
"""


def read(page: Page, picture: Path, way: str, *numbers: float) -> str | None:
    address = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    found = page.run(READ, address, way, list(numbers))
    return None if found is None else str(found)


@pytest.mark.parametrize("scale", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("code", CODES, ids=["url", "digit", "utf-8", "long"])
def test_codes_of_any_size_are_read(opened: Page, tmp_path: Path, code: str, scale: int) -> None:
    assert read(opened, qr_picture(tmp_path / "code.png", code, scale=scale), "plain") == code


@pytest.mark.parametrize("error", ["l", "q", "h"])
@pytest.mark.parametrize("border", [0, 1, 4])
def test_a_code_without_its_quiet_zone_is_read(opened: Page, tmp_path: Path, border: int, error: str) -> None:
    assert read(opened, qr_picture(tmp_path / "code.png", CODE, border=border, error=error), "plain") == CODE


@pytest.mark.parametrize(
    ("way", "numbers"),
    [
        *(("turned", [degrees]) for degrees in (7, 45, 90, 133, 180, 270)),
        ("inverted", []),
        ("scaled", [97, 97]),
        ("scaled", [333, 250]),
        ("scaled", [2999, 3201]),
        ("photographed", [1280, 720, 0.5, 8, 1]),
        ("photographed", [1200, 1600, 0.45, -20, 2]),
        ("photographed", [4032, 3024, 0.3, 12, 3]),
        ("photographed", [640, 480, 0.7, 3, 1]),
    ],
)
def test_codes_are_read_however_they_lie(opened: Page, tmp_path: Path, way: str, numbers: list[float]) -> None:
    assert read(opened, qr_picture(tmp_path / "code.png", CODE, scale=8), way, *numbers) == CODE


@pytest.mark.parametrize("border", [0, 4])
def test_an_inverted_code_is_read_with_and_without_its_zone(opened: Page, tmp_path: Path, border: int) -> None:
    assert read(opened, qr_picture(tmp_path / "code.png", CODE, border=border), "inverted") == CODE


def test_a_picture_of_a_chosen_file_is_looked_up(page: Page, sandbox: Sandbox, tmp_path: Path) -> None:
    page.enter("/")
    page.choose_file("picture", qr_picture(tmp_path / "code.png", CODE))
    page.wait_for_text("end-headline", "The gateway does not answer")
    assert "start it with: acqp-gateway serve" in page.text("end-advice")
    assert page.value("code") == CODE
    assert sandbox.done("GET", "scans?limit=1")["scans"][0]["codeValue"] == CODE


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped(page: Page, tmp_path: Path, kind: str) -> None:
    page.enter("/")
    page.wait_for("scan-view")
    picture = base64.b64encode(qr_picture(tmp_path / "code.png", CODE).read_bytes()).decode()
    page.run(
        "const bytes = Uint8Array.from(atob(given[0]), (each) => each.charCodeAt(0));"
        "const transfer = new DataTransfer();"
        "transfer.items.add(new File([bytes], 'code.png', { type: 'image/png' }));"
        "const event = given[1] === 'paste'"
        "  ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true })"
        "  : new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });"
        "document.getElementById('scan-view').dispatchEvent(event);",
        picture,
        kind,
    )
    page.wait_for("end-view")
    assert page.value("code") == CODE


def test_a_picture_without_a_code_says_so(page: Page, tmp_path: Path) -> None:
    page.enter("/")
    page.wait_for("scan-view")
    address = page.run(
        "const canvas = document.createElement('canvas'); canvas.width = canvas.height = 300;"
        "canvas.getContext('2d').fillRect(50, 50, 90, 90); return canvas.toDataURL('image/png');"
    )
    (tmp_path / "wall.png").write_bytes(base64.b64decode(address.partition(",")[2]))
    page.choose_file("picture", tmp_path / "wall.png")
    page.wait_for_text("scan-notice", "No QR code was found")
    assert page.is_shown("scan-view")


def test_a_file_that_is_no_picture_says_so(page: Page, tmp_path: Path) -> None:
    page.enter("/")
    page.wait_for("scan-view")
    (tmp_path / "text.png").write_text("<svg onload='window.hacked = 1'>")
    page.choose_file("picture", tmp_path / "text.png")
    page.wait_for_text("scan-notice", "cannot be shown as a picture")


@pytest.fixture
def filming(sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[Page, Path]]:
    """A page in a browser whose camera plays a film, which a test has yet to make."""
    film = camera_film(tmp_path / "film.y4m", CODE)
    with chromium(tmp_path / "profile", camera=film) as driver:
        page = page_in(driver, sandbox)
        yield page, film
        assert page.console() == []


def test_the_camera_reads_a_code_and_is_let_go(filming: tuple[Page, Path]) -> None:
    page, _ = filming
    page.enter("/")
    page.wait_for("scan-view")
    page.run(
        "window.streams = []; const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (wanted) => {"
        "  const stream = await real(wanted); window.streams.push({ stream, wanted }); return stream; };"
    )
    page.click("camera-button")
    page.wait_for("end-view")
    assert page.value("code") == CODE
    assert page.run("return window.streams.map(({ wanted }) => wanted.video.facingMode.ideal);") == ["environment"]
    assert page.run("return window.streams[0].stream.getTracks().map((track) => track.readyState);") == ["ended"]


def test_the_camera_can_be_stopped(filming: tuple[Page, Path]) -> None:
    page, film = filming
    page.enter("/")
    page.wait_for("scan-view")
    camera_film(film, None)
    page.click("camera-button")
    page.wait_for("camera-stop")
    page.wait_until("document.getElementById('video').videoWidth > 0")
    page.click("camera-stop")
    page.wait_for("camera-button")
    assert not page.is_shown("camera")
    assert page.run("return document.getElementById('video').srcObject;") is None


def test_without_a_camera_the_page_says_what_to_do(page: Page) -> None:
    page.enter("/")
    page.wait_for("scan-view")
    page.click("camera-button")
    page.wait_for("scan-notice")
    assert "choose a picture" in page.text("scan-notice")
    assert page.is_shown("camera-button")
