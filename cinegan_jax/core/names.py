"""Names of files, compared as people read them."""

import unicodedata


def normal_name(name: str) -> str:
    """Return a name in Unicode's composed form (NFC).

    Files that come from a Mac often have the decomposed form (NFD), in which an accent is a
    character of its own. Both look the same.
    """
    return unicodedata.normalize("NFC", name)


def both_names(first: str, second: str) -> str:
    """Return two names for a message, told apart where they only look the same."""
    if first != second and normal_name(first) == normal_name(second):
        return f"{first!a} and {second!a}, whose names look the same"
    return f"{first} and {second}"
