"""Something that a browser received, sent or stored, and where."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True)
class Seen:
    where: str
    what: str | bytes
    #: The name of the cookie whose value this is, in a header or in the browser's store.
    cookie: str | None = None

    @cached_property
    def data(self) -> bytes:
        return self.what if isinstance(self.what, bytes) else self.what.encode(errors="replace")

    @cached_property
    def layers(self) -> list[bytes]:
        """As it is, and with percent-encoding undone, for as often as there is any."""
        layers = [self.data]
        while b"%" in layers[-1] and (decoded := unquote_to_bytes(layers[-1])) != layers[-1]:
            layers.append(decoded)
        return layers
