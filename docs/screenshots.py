"""`make screenshots`: the pictures of these pages, taken from the Dagster UI of the demo with headless Chromium.

The browser is driven through its debugging pipe, so that nothing but Chromium and the project's own packages is needed.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg

IMAGES = Path(__file__).parent / "images"
LARGEST_BYTES = 300_000
SCALES = (1.6, 1.4, 1.2, 1.0)
"""Pixels of a picture for each pixel of the page: the first whose file is small enough is kept."""

PATIENCE_SECONDS = 90.0
EXPANDED = ("profiles", "predictions", "segments", "activation")
"""Groups of the asset graph that are shown open: with those of raw, standardized and identity it fits no picture."""


CENTRE_GRAPH = "document.elementFromPoint(300, 1200).dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))"
SHOW_SUCCEEDED = "[...document.querySelectorAll('*')].findLast(e => e.textContent.startsWith('Succeeded (')).click()"


@dataclass(frozen=True)
class Picture:
    """One page, its size, and what must be on it before it is taken; ``clicks`` are JavaScript, one after the other."""

    name: str
    path: str
    size: tuple[int, int]
    ready: str
    clicks: tuple[str, ...] = ()


def pictures(run_id: str) -> list[Picture]:
    """What is photographed. ``run_id`` is the first run of the demo."""
    groups = quote(",".join(f"global@global:{group}" for group in EXPANDED))
    return [
        Picture(
            "asset-graph",
            f"/asset-groups?expanded={groups}",
            (1500, 1360),
            "document.body.textContent.includes('golden_records')",
            (_press("panel_show_right", 0), _press("panel_show_right", 0), CENTRE_GRAPH, CENTRE_GRAPH),
        ),
        Picture(
            "asset",
            "/assets/standardized/customers",
            (1500, 1240),
            "document.body.textContent.includes('E.164; null when no such number')",
        ),
        Picture(
            "run",
            f"/runs/{run_id}",
            (1500, 1060),
            "document.body.textContent.includes('RUN_SUCCESS')",
            (_press("expand_arrows", 0), SHOW_SUCCEEDED),
        ),
    ]


def _press(icon: str, position: int) -> str:
    """JavaScript that presses the button with an icon, counting from 0 from the top of the page."""
    return f"[...document.querySelectorAll('button [aria-label={icon}]')][{position}].closest('button').click()"


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, profile: str) -> None:
        program = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
        if not program:
            raise SystemExit("no chromium: install it, such as with `apt-get install chromium`")
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        arguments = "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe"
        # The shell moves the pipe to the two descriptors that Chromium expects.
        start = f'exec "$0" {arguments} --user-data-dir="$1" about:blank 3<&{commands} 4>&{answers}'
        self._process = subprocess.Popen(
            ["sh", "-c", start, program, profile], pass_fds=(commands, answers), stderr=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(answers)
        self._unread, self._calls, self._session = b"", 0, ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def take(self, picture: Picture, base: str) -> bytes:
        """The page as PNG, once it is ready, small enough for a repository."""
        width, height = picture.size
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._call("Page.navigate", url=base + picture.path)
        self._wait_for(picture.ready)
        for click in picture.clicks:
            self._evaluate(click)
            time.sleep(2)
        time.sleep(3)
        self._wait_for("!document.querySelector('[class*=spinner i], [class*=Spinner]')")
        clip = {"x": 0, "y": 0, "width": width, "height": height}
        for scale in SCALES:
            taken = self._call("Page.captureScreenshot", format="png", clip=clip | {"scale": scale})
            content = base64.b64decode(taken["data"])
            if len(content) < LARGEST_BYTES:
                break
        return content

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _evaluate(self, script: str) -> Any:
        return self._call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def _wait_for(self, condition: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._evaluate(condition):
            if time.monotonic() > until:
                raise SystemExit(f"the page never came to {condition}")
            time.sleep(0.5)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == self._calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next_message(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise RuntimeError("chromium ended")
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def webserver() -> Iterator[str]:
    """The UI of the instance in DAGSTER_HOME on a free port, without its daemons; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The same as "Skip" in the greeting that Dagster shows to a new instance.
    greeting = Path(os.environ["DAGSTER_HOME"]) / ".nux" / "nux.yaml"
    greeting.parent.mkdir(exist_ok=True)
    greeting.write_text("seen: 1\n")
    process = subprocess.Popen(
        ["dagster-webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        executable=shutil.which("dagster-webserver") or str(Path(sys.executable).parent / "dagster-webserver"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not _answers(f"{base}/server_info"):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("dagster-webserver did not start: does `make dev` work?")
            time.sleep(0.5)
        yield base
    finally:
        process.terminate()
        process.wait()


def first_run() -> str:
    """The demo's first run: the whole road for 90 days."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(job_name="daily", statuses=[dg.DagsterRunStatus.SUCCESS]))
    if not runs:
        raise SystemExit("there is nothing to photograph yet: `make demo` first")
    return runs[-1].run_id


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Take every picture anew."""
    run_id = first_run()
    IMAGES.mkdir(exist_ok=True)
    with webserver() as base, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            for picture in pictures(run_id):
                content = browser.take(picture, base)
                (IMAGES / f"{picture.name}.png").write_bytes(content)
                print(f"docs/images/{picture.name}.png: {len(content) / 1000:.0f} kB")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
