"""Child processes that never outlive the demo, however it ends."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

_READY_WITHIN = 30.0
_STOP_WITHIN = 5.0


class PartError(Exception):
    """A part did not start, or stopped by itself; the text holds the end of its log."""


def die_with_parent(parent: int) -> None:
    """Asks Linux to send this process SIGTERM when its parent is gone, even by SIGKILL."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It went before it was asked for.
        os.kill(os.getpid(), signal.SIGTERM)


class Part:
    """One running program and its log."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Returns as soon as `ready` says so; raises PartError when the program ends before."""
        deadline = time.monotonic() + _READY_WITHIN
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise PartError(self._report(f"was not ready within {_READY_WITHIN:.0f} s"))
            time.sleep(0.05)
        self.check()

    def check(self) -> None:
        """Raises PartError if the program has ended."""
        status = self.process.poll()
        if status is not None:
            raise PartError(self._report(f"ended with status {status}"))

    def stop(self, deadline: float) -> None:
        """Waits for the end of a program that was told to stop, and insists at the deadline."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait()

    def send(self, number: signal.Signals) -> None:
        """Signals a program that runs, and its children: `Parts.start` gave them a session."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _report(self, what: str) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"{self.name} {what}. The end of {self.log}:", *lines])


class Parts:
    """All running programs, stopped in reverse order when the `with` block ends."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Part] = []

    def __enter__(self) -> "Parts":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        deadline = time.monotonic() + _STOP_WITHIN
        for part in reversed(self._running):
            part.process.terminate()
            # A frozen one hears of it when it goes on.
            part.send(signal.SIGCONT)
        for part in reversed(self._running):
            part.stop(deadline)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
    ) -> Part:
        """Starts a program. Its errors, and its output unless `output` takes it, are appended to
        its log.

        It gets a session of its own, so that Ctrl-C reaches the demo alone, which then stops
        its parts in order. To be called from the main thread: Linux ties a child to the thread.
        """
        log = self._logs / f"{name}.log"
        parent = os.getpid()
        with ExitStack() as files:
            errors = files.enter_context(log.open("ab"))
            out = files.enter_context(output.open("ab")) if output else errors
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        part = Part(name, process, log)
        self._running.append(part)
        return part

    def named(self, name: str) -> Part:
        """The program that was started last under this name."""
        return next(part for part in reversed(self._running) if part.name == name)

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        """Runs a program to its end; raises PartError unless that is a good one."""
        part = self.start(name, command, folder=folder, environment=environment)
        if part.process.wait() != 0:
            part.check()
        self._running.remove(part)

    def output(self, command: Sequence[str | Path], *, folder: Path) -> str:
        """The line that a short command prints; raises PartError unless it ends well."""
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise PartError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def stop(self, name: str) -> None:
        """Stops one part, which may be started again."""
        for part in self._named(name):
            part.process.terminate()
            part.send(signal.SIGCONT)
            part.stop(time.monotonic() + _STOP_WITHIN)
            self._running.remove(part)

    def kill(self, name: str) -> None:
        """The same, without a chance to say goodbye."""
        for part in self._named(name):
            part.send(signal.SIGKILL)
            part.process.wait()
            self._running.remove(part)

    def freeze(self, name: str) -> None:
        """One part stops answering and keeps its connections."""
        for part in self._named(name):
            part.send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """It goes on where it was frozen."""
        for part in self._named(name):
            part.send(signal.SIGCONT)

    def _named(self, name: str) -> list[Part]:
        return [part for part in self._running if part.name == name]

    def check(self) -> None:
        """Raises PartError if any program has ended."""
        for part in self._running:
            part.check()
