"""`make demo-compose`: compose.yaml brought up, a story at its front door, and all taken away.

Needs a Docker engine with Compose and nothing else, so it keeps to Python's own library.
DEMO_EXIT=1 (or CI=true) ends it after the story; DEMO_ENVOY_PORT is another port than 18443,
DEMO_FREE_PORTS=1 any that is free; COMPOSE_PROJECT_NAME another name than token-relay-demo.
"""

import http.client
import http.cookiejar
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from demo.ports import PortError, free_ports
from demo.terminal import Terminal

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("redis", "django", "envoy", "webdis", "nextjs")
# Short, for a story; the default of compose.yaml is 300.
ACCESS_TOKEN_SECONDS = 10
_READY_WITHIN = 180.0
_STOP_WITHIN = 10.0
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ComposeError(Exception):
    """Something was not as it should be; the text says what to do."""


class _Stopped(Exception):
    """A signal asked for the end."""


def main() -> int:
    terminal = Terminal()
    for number in _ENDS:
        signal.signal(number, _stop)
    with tempfile.TemporaryDirectory(prefix="token-relay-") as folder:
        try:
            return _demo(terminal, Path(folder))
        except _Stopped:
            return 130
        except (ComposeError, PortError) as error:
            terminal.failed(str(error))
        except (OSError, http.client.HTTPException) as error:
            terminal.failed(f"A call failed: {type(error).__name__}.")
    return 1


def _demo(terminal: Terminal, folder: Path) -> int:
    if shutil.which("docker") is None or _run("docker", "version", check=False).returncode != 0:
        raise ComposeError(
            "No Docker engine answers (`docker version`). Install one, "
            "https://docs.docker.com/engine/install, or take `make demo`, which needs none."
        )
    stack = Compose(folder)
    try:
        _show(stack, terminal)
    finally:
        # What is being taken away is not to be interrupted by a second Ctrl-C.
        for number in _ENDS:
            signal.signal(number, lambda number, frame: None)
        trouble = stack.down()
        if trouble is None:
            terminal.line("\nStopped; nothing is left but the images.")
        else:
            terminal.failed(trouble)
    return 0 if trouble is None else 1


def _show(stack: "Compose", terminal: Terminal) -> None:
    terminal.title("Building and starting the containers")
    terminal.tell("The first time takes minutes. What is done: docker compose up --build.")
    if stack.choose_images():
        terminal.tell(
            "The engine cannot pull: a Debian image with all programs stands in for the "
            "official ones."
        )
    stack.up()
    terminal.result(f"{', '.join(SERVICES)}: all of them healthy.")
    tell(stack, terminal)
    if os.environ.get("DEMO_EXIT", os.environ.get("CI", "0")) in ("1", "true"):
        terminal.line("\nThat was the story.")
        return
    terminal.title("Open the application")
    terminal.line(f"""
    {stack.origin}/

    user      {stack.user}
    password  {stack.password}    (made for this run)
""")
    terminal.tell("The browser warns about the certificate, which was made for this run.")
    terminal.line("\n  Ctrl-C ends it.")
    with suppress(_Stopped):
        while True:
            time.sleep(1)


class Compose:
    """compose.yaml as a project of its own, with secrets of its own."""

    def __init__(self, folder: Path) -> None:
        port = os.environ.get("DEMO_ENVOY_PORT", "18443")
        if os.environ.get("DEMO_FREE_PORTS") == "1":
            port = str(free_ports(["envoy"])["envoy"])
        self._folder = folder
        self._secrets = folder / "env"
        _run("scripts/env", str(self._secrets))
        secrets = dict(
            line.split("=", 1)
            for line in self._secrets.read_text().splitlines()
            if "=" in line and not line.startswith("#")
        )
        self.user = secrets["DEMO_USER"]
        self.password = secrets["DEMO_PASSWORD"]
        self.origin = f"https://localhost:{port}"
        self._environment = {
            "COMPOSE_PROJECT_NAME": "token-relay-demo",
            **os.environ,
            "TOKEN_RELAY_ENV_FILE": str(self._secrets),
            "TOKEN_RELAY_PORT": port,
            "ACCESS_TOKEN_SECONDS": str(ACCESS_TOKEN_SECONDS),
            # A variable that happens to be set counts more than the file.
            **secrets,
        }

    def choose_images(self) -> bool:
        """Whether something has to stand in for the official images."""
        chosen = _run("scripts/images", "choose").stdout.splitlines()
        self._environment.update(line.split("=", 1) for line in chosen)
        return bool(chosen)

    def up(self) -> None:
        """Builds, starts, and waits until every part is healthy."""
        self._compose("up", "--detach", "--build")
        deadline = time.monotonic() + _READY_WITHIN
        while waiting := [name for name in SERVICES if self._health(name) != "healthy"]:
            if time.monotonic() > deadline:
                logs = self._compose("logs", "--no-color", "--tail", "15", *waiting).stdout
                raise ComposeError(f"Not healthy: {', '.join(waiting)}. Their logs:\n{logs}")
            time.sleep(0.5)
        # Envoy looks for the addresses of those that started after it once a second.
        deadline = time.monotonic() + 30
        while self.browser().get("/login").status != 200:
            if time.monotonic() > deadline:
                raise ComposeError("Envoy does not reach Next.js.")
            time.sleep(0.2)

    def down(self) -> str | None:
        """Takes away containers, networks and volumes; says so when something is left."""
        project = self._environment["COMPOSE_PROJECT_NAME"]
        for _ in range(3):
            done = self._compose("down", "--volumes", "--timeout", "3", check=False)
            # The engine may still have been busy with what an interrupted `up` had asked for.
            left = self._left(project)
            if done.returncode == 0 and not left:
                return None
            time.sleep(1)
        return (
            f"Something may be left: {', '.join(left) or 'Docker Compose failed'}. It said:\n"
            f"{done.stdout}{done.stderr}\n"
            "  To take it away: scripts/env && "
            f"scripts/compose --project-name {project} down --volumes"
        )

    def _left(self, project: str) -> list[str]:
        """Names of the project's containers, networks and volumes."""
        label = f"label=com.docker.compose.project={project}"
        names = {"container": "{{.Names}}", "network": "{{.Name}}", "volume": "{{.Name}}"}
        left = []
        for kind, name in names.items():
            every = ["--all"] if kind == "container" else []
            words = ["docker", kind, "ls", *every, "--filter", label, "--format", name]
            done = _run(*words, check=False)
            lines = done.stdout.splitlines() if done.returncode == 0 else ["(nobody knows)"]
            left += [f"{kind} {line}" for line in lines]
        return left

    def browser(self) -> "Browser":
        """A browser without cookies that trusts the certificate."""
        certificate = self._folder / "cert.pem"
        if not certificate.exists():
            text = self._compose("exec", "-T", "envoy", "cat", "/tls/cert.pem").stdout
            certificate.write_text(text)
        return Browser(self.origin, certificate)

    def _health(self, service: str) -> str:
        container = self._compose("ps", "--quiet", service).stdout.strip()
        status = "{{.State.Health.Status}}"
        return _run("docker", "inspect", "--format", status, container).stdout.strip()

    def _compose(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _run("scripts/compose", *words, environment=self._environment, check=check)


class Answer:
    """What came back in the end: redirects were followed."""

    def __init__(self, status: int, url: str, body: bytes) -> None:
        self.status = status
        self.path = urllib.parse.urlsplit(url).path
        self.text = body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.text or "null")


class Browser:
    """Cookies, redirects and one origin."""

    def __init__(self, origin: str, certificate: Path) -> None:
        self._origin = origin
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            # Neither a proxy of this machine nor its certificates have a say.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)),
            urllib.request.HTTPCookieProcessor(self.cookies),
        )

    def get(self, path: str, navigate: bool = False) -> Answer:
        headers = {"Sec-Fetch-Mode": "navigate"} if navigate else {}
        return self._open(urllib.request.Request(self._origin + path, headers=headers))

    def post(self, path: str, form: dict[str, str]) -> Answer:
        """A form of NextAuth's, with its token against forgery."""
        token = self.get("/api/auth/csrf").json()["csrfToken"]
        body = urllib.parse.urlencode({**form, "csrfToken": token}).encode()
        return self._open(urllib.request.Request(self._origin + path, body))

    def _open(self, request: urllib.request.Request) -> Answer:
        try:
            answer = self._opener.open(request, timeout=40)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, answer.url, answer.read())


def tell(stack: Compose, terminal: Terminal) -> None:
    """Signs in, calls the API before and after the token's end, signs out."""
    browser = stack.browser()
    terminal.title("1. Alice signs in")
    page = browser.get("/notes", navigate=True)
    _claim(page.path == "/login", f"without a session /notes leads to {page.path}")
    _claim(browser.get("/api/whoami/").status == 401, "without a session the API answers")
    terminal.result("Without a session: a page leads to /login, the API answers 401.")
    form = {"username": stack.user, "password": stack.password, "callbackUrl": "/notes"}
    browser.post("/api/auth/callback/credentials", form)
    session = browser.get("/api/auth/session").json() or {}
    name = session.get("user", {}).get("name")
    _claim(name == stack.user, "NextAuth did not sign her in")
    cookies = [cookie.value or "" for cookie in browser.cookies]
    _claim(not any(value.startswith("eyJ0eXAi") for value in cookies), "a cookie is a token")
    terminal.result("NextAuth signs her in; the browser has an encrypted cookie and no token.")

    terminal.title("2. The browser calls the API with its cookie")
    first = _whoami(browser, stack)
    terminal.result("Envoy adds the token, Django answers 200.")

    terminal.title(f"3. {ACCESS_TOKEN_SECONDS} seconds without a click")
    # Django counts in whole seconds; the one that it names is too late already.
    while (left := first["exp"] + 1 - time.time()) > 0:
        terminal.countdown(f"… {left:.0f} s")
        time.sleep(min(left, 0.5))
    terminal.countdown_over()
    second = _whoami(browser, stack)
    _claim(second["jti"] != first["jti"], "Django saw the same token again")
    terminal.result(
        "Her access token has expired. The next call gets 200 with a new one: the relay "
        "refreshed it."
    )

    terminal.title("4. She signs out")
    browser.post("/api/auth/signout", {"callbackUrl": "/"})
    _claim(browser.get("/api/whoami/").status == 401, "after signing out the API answers")
    terminal.result("The API answers 401.")


def _whoami(browser: Browser, stack: Compose) -> dict[str, Any]:
    answer = browser.get("/api/whoami/")
    _claim(answer.status == 200, f"the API answered {answer.status}")
    _claim(answer.json()["username"] == stack.user, "Django saw somebody else")
    return answer.json()


def _claim(is_so: bool, what: str) -> None:
    if not is_so:
        raise ComposeError(f"Not as the story says: {what}.")


def _run(
    *words: str, environment: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Runs a command in the project's folder. Ctrl-C reaches the demo alone, which ends it."""
    # A signal waits until it is known what there is to end.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    process = None
    try:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear,
        )
        _hear()
        output, errors = process.communicate()
    except BaseException:
        if process is not None:
            _end(process)
        raise
    finally:
        _hear()
    done = subprocess.CompletedProcess(words, process.returncode, output, errors)
    if check and done.returncode != 0:
        raise ComposeError(f"{' '.join(words)} failed:\n{output}{errors}".rstrip())
    return done


def _hear() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a command and its children, so that it starts nothing any more."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_STOP_WITHIN)
            return


def _stop(number: int, frame: FrameType | None) -> None:
    # Once: the end is not to be interrupted by a second Ctrl-C.
    for name in _ENDS:
        signal.signal(name, lambda number, frame: None)
    raise _Stopped


if __name__ == "__main__":
    sys.exit(main())
