"""The `srcset` of an HTML image: the same picture in several sizes."""

import re
from typing import NamedTuple


class Candidate(NamedTuple):
    """One of the sizes."""

    address: str
    size: float
    """Its width in pixels (`800w`) or its density (`2x`); 1 where neither is said."""


def candidates(srcset: str) -> list[Candidate]:
    """The sizes of a `srcset`, in its order; what cannot be read is left out.

    An address ends at white space, so it may hold commas, though not at its ends
    (https://html.spec.whatwg.org/multipage/images.html#srcset-attributes).
    """
    found = []
    rest = srcset
    while rest := rest.lstrip(", \t\n\f\r"):
        address, _, rest = rest.partition(_first_space(rest))
        descriptor = ""
        if not address.endswith(","):
            descriptor, _, rest = rest.partition(",")
        size = _size(descriptor)
        if size is not None:
            found.append(Candidate(address.rstrip(","), size))
    return found


def largest(srcset: str) -> str | None:
    """The address of the largest size, the first of several; None if there is none."""
    found = candidates(srcset)
    return max(found, key=lambda candidate: candidate.size).address if found else None


def _first_space(text: str) -> str:
    space = re.search(r"\s", text)
    return space[0] if space else " "


def _size(descriptor: str) -> float | None:
    words = descriptor.split()
    if not words:
        return 1.0
    number = re.fullmatch(r"(\d+|\d*\.\d+)[wx]", words[0])
    return float(number[1]) if number else None
