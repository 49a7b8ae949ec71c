"""Takes a picture of a report page with a headless Chromium, so that the README's picture comes from a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
MAC_APPS = tuple(
    Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ("Google Chrome", "Chromium", "Microsoft Edge")
)
# Nothing may leave the machine while a confidential page is open.
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--run-all-compositor-stages-before-draw",
)
_SECONDS = 60


class ScreenshotProblem(Exception):
    """No picture could be taken; says why in one line."""


def find_browser() -> Path | None:
    """Find a Chromium on the PATH, or among macOS applications."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if sys.platform == "darwin":
        return next((app for app in MAC_APPS if app.exists()), None)
    return None


def take_screenshot(page: Path, picture: Path, width: int = 1280, height: int = 1700, dark: bool = False) -> Path:
    """Draw the page into a PNG of ``width`` x ``height`` pixels, replacing it whole.

    Raises:
        ScreenshotProblem: the page is not there, no browser is installed, or it gave no picture.
    """
    if not page.is_file():
        raise ScreenshotProblem(f"there is no page {page}; make it with `facewarden report`")
    browser = find_browser()
    if browser is None:
        raise ScreenshotProblem(f"no browser found (looked for {', '.join(NAMES)}); install Chromium or Chrome")
    with tempfile.TemporaryDirectory(prefix="facewarden-") as scratch:
        aside = Path(scratch) / "page.png"
        command = [
            str(browser),
            *_FLAGS,
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium refuses root otherwise: containers
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            f"--user-data-dir={scratch}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={aside}",
            page.resolve().as_uri(),
        ]
        _run(command)
        if not aside.is_file():
            raise ScreenshotProblem(f"{browser.name} gave no picture of {page}; open the page in it to see why")
        picture.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(aside, picture)
    return picture


def _run(command: list[str]) -> None:
    try:
        # The command is built here from a browser found by name and from paths: no shell, no outside text.
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ScreenshotProblem(f"{Path(command[0]).name} did not finish within {_SECONDS} s; try again") from error
    except (subprocess.CalledProcessError, OSError) as error:
        raise ScreenshotProblem(f"{Path(command[0]).name} could not be run: {type(error).__name__}") from error
