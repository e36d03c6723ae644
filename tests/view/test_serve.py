"""``wengert view``, and its server: only this machine is answered, and a change of the file is shown."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from typer.testing import CliRunner

from wengert import nn
from wengert.cli import build
from wengert.cli.viewing import Shown, serve
from wengert.errors import ArgumentError
from wengert.view.html import render
from wengert.view.serve import Server, error_page, reloading

SOURCE = "import numpy as np\nimport beside\n\ndef f(x, y):\n    return np.sin(x) * y + beside.two\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "served.py"
    path.write_text(SOURCE)
    (tmp_path / "beside.py").write_text("two = 2.0\n")
    yield path
    for name in ("beside", "wengert_user_served"):
        sys.modules.pop(name, None)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(lambda: render(None), list)
    made.start()
    yield made
    made.close()


def get(url: str, path: str = "", method: str = "GET", **headers: str) -> tuple[int, str, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    connection.request(method, path or parts.path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), answer.headers
    connection.close()
    return found


def test_the_page_is_answered(server: Server) -> None:
    status, text, headers = get(server.url)
    assert status == 200 and "<title>Wengert</title>" in text
    assert headers["X-Frame-Options"] == "DENY" and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert get(server.url, method="HEAD")[:2] == (200, "")
    assert get(server.url.replace("127.0.0.1", "localhost"))[0] in (200, 403)  # IPv6 machines may not reach it
    assert get(server.url, Origin=server.url.rsplit("/", 2)[0])[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:PORT"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1:PORT.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://127.0.0.1:PORT"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_other_hosts_and_origins_are_refused(server: Server, headers: dict[str, str]) -> None:
    port = str(urlsplit(server.url).port)
    status, text, _ = get(server.url, **{key: value.replace("PORT", port) for key, value in headers.items()})
    assert status == 403 and "wengert" not in text.lower()


def test_other_paths_and_methods_are_refused(server: Server) -> None:
    assert get(server.url, "/")[0] == 404
    assert get(server.url, "/events")[0] == 404
    assert get(server.url, urlsplit(server.url).path + "../../etc/passwd")[0] == 404
    assert get(server.url, method="POST")[0] == 501
    assert server._http.server_address[0] == "127.0.0.1"


def test_the_policy_admits_the_script_that_reloads_and_no_other() -> None:
    for page in (render(None), error_page("</pre><script>alert(1)</script>")):
        made = reloading(page, 1)
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
        assert policy is not None
        assert "connect-src 'self'" in policy[1] and "default-src 'none'" in policy[1]
        scripts = re.findall(r'<script type="module">(.*?)</script>', made, re.DOTALL)
        for script in scripts:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy[1]
        assert "<script>alert" not in made
    assert "connect-src" not in render(None)


class Watching:
    """``wengert view --serve`` in this process, in a thread; ``url`` once it runs."""

    def __init__(self, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        self.stop = threading.Event()
        monkeypatch.setattr(sys.modules["wengert.view.serve"], "_POLL", 0.02)
        monkeypatch.setattr(sys.modules["wengert.view.serve"].time, "sleep", self._sleep)
        self.thread = threading.Thread(target=serve, args=(shown, 0, False, self.said.append), daemon=True)
        self.thread.start()
        self.url = self.until("http://").split()[0]

    def _sleep(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise KeyboardInterrupt

    def until(self, text: str, after: int = 0) -> str:
        for _ in range(1500):
            found = [line for line in self.said[after:] if text in line]
            if found:
                return found[0]
            threading.Event().wait(0.02)
        raise AssertionError(f"{text!r} was never said: {self.said}")


def event(stream: Any) -> bytes:
    """Return the next event; signs of life between them, which come on slow machines, are passed over."""
    while not (line := stream.readline()).startswith(b"data"):
        assert line, "the stream has ended"
    return bytes(line)


def test_a_change_is_shown_an_error_too_and_it_recovers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(f"{file}:f", ("2", "3"), None, (), (), (), "", False)
    running = Watching(shown, monkeypatch)
    parts = urlsplit(running.url)
    events = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    events.request("GET", parts.path + "events")
    stream = events.getresponse()
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert event(stream) == b"data: 1\n"
    assert '"text":"sin(x)"' in get(running.url)[1]

    file.write_text(SOURCE.replace("sin", "cos"))  # of the same size, within the same second
    running.until("updated")
    assert event(stream) == b"data: 2\n"
    assert '"text":"cos(x)"' in get(running.url)[1]

    file.write_text(SOURCE.replace("np.sin(x)", "np.sin(<b>"))
    assert "SyntaxError" in running.until("error:")
    text = get(running.url)[1]
    assert "SyntaxError" in text and "<b>" not in text

    said = len(running.said)
    file.write_text(SOURCE)
    running.until("updated", said)
    assert '"text":"sin(x)"' in get(running.url)[1]

    said = len(running.said)
    (file.parent / "beside.py").write_text("two = 7.0\n")
    running.until("updated", said)
    assert "+ 7.0" in get(running.url)[1]
    running.stop.set()
    running.thread.join(10)
    assert not running.thread.is_alive()
    with pytest.raises(OSError):
        get(running.url)


def test_what_was_typed_wrongly_is_said_at_once(file: Path) -> None:
    runner = CliRunner()
    for arguments, text in (
        (["--at", "2", "x"], "A value is a number"),
        (["--at", "2", "3", "--out", "a.html"], "--serve writes no file"),
    ):
        result = runner.invoke(build(), ["view", f"{file}:f", *arguments, "--serve", "--no-open"])
        assert result.exit_code == 1 and text in result.output


def test_the_command_writes_pages_and_exports(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page, svg = tmp_path / "page.html", tmp_path / "f.svg"
    command = ["view", f"{file}:f", "--no-symbolic", "--at", "2", "3"]
    result = CliRunner().invoke(build(), [*command, "--out", str(page), "--export", str(svg)])
    assert result.exit_code == 0, result.output
    assert "sin(x)" in svg.read_text() and '"title":"f(x, y)"' in page.read_text()
    assert opened == [page.as_uri()]
    result = CliRunner().invoke(build(), [*command, "--export", str(tmp_path / "f.docx")])
    assert result.exit_code == 1 and ".svg" in result.output


NETWORK = """
import numpy as np
import wengert as wg
from wengert import nn, train

net = nn.Sequential(nn.Linear(2, 3), np.tanh, nn.Linear(3, 1))
graph = wg.trace(lambda x: 3 * np.sin(x))(2.0)
optimizer = train.Adam(0.1)

def loss(params, x, y):
    return np.mean((net.apply(params, x) - y) ** 2)

@wg.jit
def step(params, state, x, y):
    value, gradient = wg.value_and_grad(loss)(params, x, y)
    return value, optimizer.update(gradient, state, params)
"""


def test_the_command_shows_networks_graphs_and_training_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    file, out = tmp_path / "networked.py", tmp_path / "made.json"
    file.write_text(NETWORK)
    inputs = tmp_path / "inputs.json"

    def shown(name: str, *arguments: str) -> Any:
        command = ["view", f"{file}:{name}", "--no-symbolic", "--no-open", "--export", str(out), *arguments]
        result = CliRunner().invoke(build(), command)
        assert result.exit_code == 0, result.output
        return json.loads(out.read_text())

    def roles(document: Any) -> list[str]:
        return [i["role"] for i in document["graph"]["inputs"]]

    batch = "[[1, 2], [0, -1]]"
    made = shown("net", "--at", batch)
    assert made["title"].startswith("Sequential(") and roles(made) == ["parameter"] * 4 + ["data"]
    params = nn.Sequential(nn.Linear(2, 3), np.tanh, nn.Linear(3, 1)).init(np.random.default_rng(0))
    weight = made["sweeps"]["records"][made["sweeps"]["primal"][made["graph"]["inputs"][1]["value"]]]["v"]
    assert sorted(weight) in [sorted(p.ravel().tolist()) for p in (params[0]["weight"], params[0]["bias"])]
    assert shown("graph", "--at", "2")["title"].startswith("graph(")
    written = [{key: value.tolist() for key, value in layer.items()} for layer in params]
    inputs.write_text(json.dumps([written, json.loads(batch), [[1.0], [0.0]]]))
    made = shown("loss", "--at-file", str(inputs), "--parameters", "0")
    assert roles(made).count("parameter") == 4 and len(made["training"]["losses"]) > 2
    result = CliRunner().invoke(build(), ["view", f"{file}:net", "--no-open"])
    assert result.exit_code == 1 and "0 values for net(params" in result.output
    result = CliRunner().invoke(build(), ["view", f"{file}:optimizer", "--at", "2"])
    assert result.exit_code == 1 and "no function 'optimizer'" in result.output
    sys.modules.pop("wengert_user_networked", None)


def test_control_c_ends_it_cleanly(file: Path) -> None:
    # A shell that runs the tests in the background has them ignore Ctrl-C, and programs inherit that.
    start = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('wengert', run_name='__main__')"
    )
    arguments = ["view", f"{file}:f", "--at", "2", "3", "--serve", "--no-open", "--no-symbolic"]
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-u", "-c", start, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        assert get(url)[0] == 200
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # says where its threads are
            pytest.fail(process.communicate()[1])
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()


def test_the_browser_shows_changes_at_the_same_step(browser: Any, file: Path) -> None:
    pages = [render(None)]

    def make() -> str:
        if not pages[0]:
            raise ArgumentError("There is <b>nothing</b> to see.")
        return pages[0]

    server = Server(make, list)
    server.start()
    context = browser.new_context()
    tab = context.new_page()
    problems: list[str] = []
    tab.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    try:
        tab.goto(server.url)
        tab.wait_for_selector(".node")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowRight")
        pages[0] = render(None).replace("<title>", '<meta name="again"><title>')
        server.update()
        tab.wait_for_selector("meta[name=again]", state="attached")
        tab.wait_for_selector(".node")
        assert tab.evaluate("wengert.step.value") == 2
        pages[0] = ""
        server.update()
        assert "<b>nothing</b>" in tab.get_by_role("alert").text_content()
        pages[0] = render(None)
        server.update()
        tab.wait_for_selector(".node")
        assert problems == []
    finally:
        context.close()
        server.close()
