"""Starts the parts, tells the story, and stays until Ctrl-C.

With `--cli` without the Next.js application. NEXT_AUTH=4 takes its variant with next-auth 4.
DEMO_EXIT=1 (or CI=true) ends it after the story. Other ports: see `demo/ports.py`.
"""

import fcntl
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import httpx
import redis

from demo import application
from demo.ports import HOST, PortError, choose
from demo.processes import PartError, die_with_parent
from demo.session import Session
from demo.stack import CERTIFICATE, MODULE, ROOT, Stack, User
from demo.story import Story, StoryError
from demo.terminal import Terminal

FOLDER = ROOT / ".demo"
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Stopped(Exception):
    """A signal asked for the end."""


def main() -> int:
    terminal = Terminal()
    for number in _ENDS:
        signal.signal(number, _stop)
    die_with_parent(os.getppid())
    try:
        return _demo(terminal)
    except _Stopped:
        terminal.line("\nStopped; nothing is left running.")
        return 130
    except PortError as error:
        terminal.failed(str(error))
    except (PartError, StoryError) as error:
        terminal.failed(f"{error}\n  The parts' logs: {_short(FOLDER / 'logs')}/")
    except (httpx.HTTPError, redis.RedisError) as error:
        # Not its text: Redis quotes arguments.
        name = type(error).__name__
        terminal.failed(f"A call failed ({name}). The parts' logs: {_short(FOLDER / 'logs')}/")
    return 1


def _demo(terminal: Terminal) -> int:
    if not MODULE.is_file():
        terminal.failed(f"{_short(MODULE)} is missing: make build")
        return 1
    next_auth = None
    if "--cli" not in sys.argv[1:]:
        version = os.environ.get("NEXT_AUTH") or "5"
        if not (ROOT / "target" / "nextjs" / f"v{version}" / ".next" / "built").is_file():
            terminal.failed(
                f"The application with next-auth {version} is not built: make app "
                "(NEXT_AUTH is 4 or 5)"
            )
            return 1
        next_auth = int(version)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            terminal.failed("A demo of this folder is running already: end it first.")
            return 1
        ports = choose()
        stack = Stack(_clean(FOLDER), ports)
        with stack.parts:
            story = Story(stack, terminal, next_auth)
            story.tell()
            if next_auth is not None:
                application.tell(stack, terminal, story.user)
            if os.environ.get("DEMO_EXIT", os.environ.get("CI", "0")) in ("1", "true"):
                terminal.line("\nThat was the story.")
                return 0
            _leave_running(terminal, stack, story.new_session())
            if next_auth is not None:
                _invite(terminal, stack, story.user)
            terminal.line("\n  Ctrl-C ends it.")
            _wait(stack)
        terminal.line("\nStopped; nothing is left running.")
        return 0


def _leave_running(terminal: Terminal, stack: Stack, session: Session) -> None:
    """Prints what a user can try by hand."""
    # A file, so that the cookie is neither on the screen nor in the list of processes.
    cookie = FOLDER / "cookie"
    cookie.touch(mode=0o600)
    cookie.write_text(f"Cookie: {session.cookie}\n")
    curl = f"curl -i --cacert {_short(CERTIFICATE)}"
    mine = f"{curl} -H @{_short(cookie)}"
    api = f"{stack.origin}/api"
    terminal.title("Your turn")
    terminal.tell(
        f"Everything stays up, with a new session for Alice; her access token is refreshed every "
        f"{stack.lifetimes.access} seconds as long as you ask. In another terminal, in this folder:"
    )
    terminal.line(f"""
    {mine} {api}/whoami/
    {mine} {api}/notes/
    {mine} {api}/notes/ -H 'Content-Type: application/json' -d '{{"text": "by hand"}}'
    {mine} {api}/notes/1/ -X DELETE
    {mine} {api}/notes/1/ -X DELETE -H 'Origin: https://evil.example'
    {curl} {api}/whoami/

    tail -f {_short(stack.access_log)}
    curl -s http://{HOST}:{stack.ports.admin}/stats | grep token_relay
""")


def _invite(terminal: Terminal, stack: Stack, user: User) -> None:
    """The application, last, so that it is what a reader sees."""
    terminal.title("Open the application")
    terminal.line(f"""
    {stack.origin}/

    user      {user.name}
    password  {user.password}    (made for this run)
""")
    terminal.tell(
        "The browser warns about the certificate, which was made on this machine: go "
        "on all the same. Then look for a token in its cookies, its storage or its network tab."
    )


def _wait(stack: Stack) -> None:
    """Until a signal comes; raises PartError when a part ends by itself."""
    with suppress(_Stopped):
        while True:
            stack.parts.check()
            time.sleep(1)


def _clean(folder: Path) -> Path:
    """Removes what the last run left."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    (folder / "logs").mkdir()
    return folder


def _short(path: Path) -> str:
    return os.path.relpath(path)


def _stop(number: int, frame: FrameType | None) -> None:
    # Once: what is being stopped is not to be interrupted by a second Ctrl-C.
    for name in _ENDS:
        signal.signal(name, lambda number, frame: None)
    raise _Stopped


if __name__ == "__main__":
    sys.exit(main())
