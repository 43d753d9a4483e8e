"""A headless Chromium driven over its DevTools protocol, through two pipes and without a library.

Messages are JSON texts that end with a zero byte: commands go to the browser's file descriptor 3,
answers and events come from 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --proxy-server=127.0.0.1:9 --remote-debugging-pipe"
).split()
PATIENCE = 30.0
"""Seconds after which an answer or a state that does not come is an error."""
KEYS = {"Enter": ("\r", 13), "Escape": ("", 27), "Home": ("", 36), "End": ("", 35), "Tab": ("", 9)}
KEYS |= {f"Arrow{side}": ("", 37 + i) for i, side in enumerate(("Left", "Up", "Right", "Down"))}


class Page:
    """One tab: what it shows, what it did, and a user's pointer and keys."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self.browser, self.session = browser, session
        self.problems: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.send(method, params, self.session)

    def noticed(self, method: str, params: dict[str, Any]) -> None:
        """Keep what a test asserts on: requests, errors and warnings."""
        if method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            self.requests += [] if address.startswith("data:") else [address]
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))

    def open(self, address: str) -> None:
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def evaluate(self, expression: str) -> Any:
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(AssertionError):  # the page may be changing
                if self.evaluate(f"Boolean({expression})"):
                    return
        raise TimeoutError(f"never true: {expression}")

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **metrics)

    def media(self, *, scheme: str = "light", media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)

    def place(self, selector: str) -> tuple[float, float]:
        """Scroll an element into view; return its centre once the page has stopped moving."""
        box = f"""(() => {{
            const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const b = e.getBoundingClientRect();
            return [b.x + b.width / 2, b.y + b.height / 2];
        }})()"""
        found = self.evaluate(box)
        for _ in range(100):
            before = found
            self.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
            found = self.evaluate(box)
            if found == before:
                break
        return found[0], found[1]

    def hover(self, selector: str) -> tuple[float, float]:
        x, y = self.place(selector)
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        return x, y

    def click(self, selector: str) -> None:
        x, y = self.hover(selector)
        for kind in ("mousePressed", "mouseReleased"):
            what = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", **what)

    def key(self, name: str) -> None:
        """Press a key: one of ``KEYS``, or a single character."""
        text, code = KEYS.get(name, (name, ord(name[0].upper())))
        what = {"key": name, "windowsVirtualKeyCode": code}
        down = "keyDown" if text else "rawKeyDown"
        self.send("Input.dispatchKeyEvent", type=down, **what, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **what)

    def type(self, selector: str, text: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=text)

    def screenshot(self, path: Path, **params: Any) -> Path:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", **params)["data"]))
        return path


class Browser:
    """A running Chromium."""

    def __init__(self, commands: int, answers: int) -> None:
        self.commands, self.answers = commands, answers
        self.pages: dict[str, Page] = {}
        self.count = 0
        self.rest = b""

    def send(
        self, method: str, params: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        """Send a command and return its answer; events that come before it go to their pages."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params or {}}
        os.write(self.commands, json.dumps(message | _session(session)).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            page = self.pages.get(answer.get("sessionId", ""))
            if page is not None and "method" in answer:
                page.noticed(answer["method"], answer["params"])

    def receive(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError("the browser does not answer")
            self.rest += os.read(self.answers, 1 << 16)
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def page(self, *, scripts: bool = True) -> Page:
        """Return a new tab with storage of its own, optionally without scripts."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        made = self.send("Target.createTarget", {"url": "about:blank", "browserContextId": context})
        target = {"targetId": made["targetId"], "flatten": True}
        session = self.send("Target.attachToTarget", target)["sessionId"]
        page = Page.__new__(Page)
        self.pages[session] = page
        page.__init__(self, session)
        page.resize(1200, 900)
        page.media()
        if not scripts:
            page.send("Emulation.setScriptExecutionDisabled", value=True)
        return page


def _session(name: str) -> dict[str, str]:
    return {"sessionId": name} if name else {}


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """Start Chromium with a fresh profile and without a way to the network; stop it at the end."""
    from_us, commands = _pipe()
    answers, to_us = _pipe()
    process = os.posix_spawn(
        str(BROWSER),
        [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, from_us, 3),
            (os.POSIX_SPAWN_DUP2, to_us, 4),
            *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)),
        ],
    )
    os.close(from_us)
    os.close(to_us)
    try:
        browser = Browser(commands, answers)
        yield browser
        browser.send("Browser.close")
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise
    finally:
        os.waitpid(process, 0)
        os.close(commands)
        os.close(answers)


def _pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe, neither of them 3 or 4."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
