"""How servers are treated."""

import importlib.metadata
from dataclasses import dataclass

from cinegan_jax.core.errors import UserError

AGENT = "cinegan-collect"
"""The name that robots.txt files know this program by."""


@dataclass(frozen=True)
class Manners:
    """How often, how long and as whom servers are asked.

    Attributes:
      contact: a mail address or page that the user agent names beside the program; may be empty.
      delay: seconds from one request to the next to the same host; longer where its robots.txt
        says so.
      jobs: requests under way at a time.
      per_host: of those, to one host.
      attempts: for one address, the first included.
      back_off: seconds before the second attempt, doubled for each one after it, with jitter.
      patience: the longest wait in seconds that a server may ask for.
      connect_timeout: seconds.
      read_timeout: seconds without a byte.
      attempt_timeout: seconds for one attempt as a whole, for servers that only trickle.
    """

    contact: str = ""
    delay: float = 1.0
    jobs: int = 8
    per_host: int = 2
    attempts: int = 4
    back_off: float = 2.0
    patience: float = 600.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    attempt_timeout: float = 300.0

    def check(self) -> None:
        """Raises UserError if the contact cannot be part of a header."""
        if not (self.contact.isascii() and self.contact.isprintable()):
            raise UserError(f"contact {self.contact!r}: give a mail address or page in plain ASCII")

    @property
    def user_agent(self) -> str:
        """What every request says of its sender."""
        name = f"{AGENT}/{importlib.metadata.version('cinegan-jax')}"
        return f"{name} ({self.contact})" if self.contact else name
