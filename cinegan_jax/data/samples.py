"""The embedded sample photographs; `sample_photos/LICENSES.csv` lists splits and licences."""

import csv
from importlib import resources
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import SPLITS


def sample_photos(split: str) -> list[Path]:
    """Return the photos of a split in alphabetical order; the splits share no subject.

    Raises:
      UserError: the split does not exist.
    """
    if split not in SPLITS:
        raise UserError(f"the sample photos have no split {split!r}; choose {' or '.join(SPLITS)}")
    folder = Path(str(resources.files("cinegan_jax.data") / "sample_photos"))
    with (folder / "LICENSES.csv").open(encoding="utf-8", newline="") as file:
        return sorted(folder / row["file"] for row in csv.DictReader(file) if row["split"] == split)
