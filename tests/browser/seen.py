"""Something that a browser received, sent or stored, and where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    where: str
    what: str | bytes
    #: The name of the cookie whose value this is, in a header or in the browser's store.
    cookie: str | None = None

    @property
    def data(self) -> bytes:
        return self.what if isinstance(self.what, bytes) else self.what.encode(errors="replace")
