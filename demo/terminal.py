"""How the story looks: titles, one line per fact, colours on a terminal only."""

import os
import sys
import textwrap

_WIDTH = 92


class Terminal:
    """Writes to standard output and flushes every line: a story is followed live."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._colour = self._live and "NO_COLOR" not in os.environ

    def title(self, text: str) -> None:
        self._write("\n" + self._paint("1;36", text))

    def tell(self, text: str) -> None:
        """What happens and why, in sentences."""
        self._write(textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  "))

    def result(self, text: str) -> None:
        """What was seen and checked."""
        mark = self._paint("32", "✓")
        self._write(
            textwrap.fill(text, _WIDTH, initial_indent=f"  {mark} ", subsequent_indent="    ")
        )

    def failed(self, text: str) -> None:
        self._write(self._paint("31", "✗ ") + text)

    def line(self, text: str = "") -> None:
        """As it is: commands to copy."""
        self._write(text)

    def countdown(self, text: str) -> None:
        """A line that replaces itself; without a terminal nothing, the result follows anyway."""
        if self._live:
            sys.stdout.write(f"\r  {text}\x1b[K")
            sys.stdout.flush()

    def countdown_over(self) -> None:
        if self._live:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _write(self, text: str) -> None:
        print(text, flush=True)
