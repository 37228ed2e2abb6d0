"""`collection.csv`: where each picture comes from, and whose it is."""

import csv
import io

from cinegan_jax.collect.collection import Collection, FoundPicture
from cinegan_jax.core.storage import write_whole

COLUMNS = (
    *("file", "address", "page", "title", "licence", "copyright", "artist"),
    *("sha256", "bytes", "downloaded"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_attribution(collection: Collection) -> None:
    """Writes a row for each address that gave a picture which lies in `pictures/`.

    Raises:
      OSError: it cannot be written; an older file stays.
    """
    found = collection.found()
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for address, kept in sorted(collection.kept().items(), key=lambda kv: (kv[1].file, kv[0])):
        if (collection.pictures / kept.file).exists():
            source = found.get(address, FoundPicture(address))
            told = (source.page, source.title, source.licence, kept.copyright, kept.artist)
            table.writerow(
                [kept.file, address, *map(_harmless, told), kept.sha256, kept.bytes, kept.when]
            )
    write_whole(collection.table, text.getvalue())


def _harmless(text: str) -> str:
    """What spreadsheets do not take for a formula; pages may say what they like."""
    return f"'{text}" if text.startswith(_FORMULA) else text
