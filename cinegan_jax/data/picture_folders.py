"""Which pictures a folder holds, and which of them are held out."""

import re
from collections.abc import Iterator, Mapping

from cinegan_jax.data.decode import is_photo
from cinegan_jax.data.splits import SPLITS, TEST_FRACTION, held_out
from cinegan_jax.storage import AnyPath

PARTITION_FILES = ("list_eval_partition.txt", "list_eval_partition.csv")
"""CelebA's own split, in the folder of its pictures or beside it."""
_PARTITION = {"0": "train", "2": "test"}  # 1, for validation, belongs to neither

Files = Mapping[str, AnyPath]
"""Picture files by their paths in their folder."""


def split_pictures(root: AnyPath, test_fraction: float = TEST_FRACTION) -> dict[str, Files]:
    """The pictures of a folder and of its subfolders, by split.

    What says who is held out, the first that is there: the subfolders `train` and `test`, both;
    CelebA's partition file, where it lists any of the pictures; the names' hashes (see `held_out`).
    """
    if all((root / split).is_dir() for split in SPLITS):
        return {split: pictures_below(root / split) for split in SPLITS}
    files = pictures_below(root)
    listed = _partition(root, files)
    if listed:
        return {s: {n: files[n] for n in files if listed.get(n) == s} for s in SPLITS}
    test = held_out(files, test_fraction)
    return {
        "train": {name: file for name, file in files.items() if name not in test},
        "test": {name: file for name, file in files.items() if name in test},
    }


def pictures_below(root: AnyPath) -> Files:
    """The pictures of a folder and of its subfolders, in the order of their names."""
    found = {p.relative_to(root).as_posix(): p for p in files_below(root) if is_photo(p)}
    return dict(sorted(found.items()))


def files_below(folder: AnyPath) -> Iterator[AnyPath]:
    """All files of a folder and of its subfolders but hidden ones."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not is_photo(path) and path.is_dir():  # each look at a bucket is a request
            yield from files_below(path)
        else:
            yield path


def _partition(root: AnyPath, files: Files) -> dict[str, str]:
    """The split of each picture that a partition file lists, whatever the picture's ending."""
    candidates = (folder / name for folder in (root, root.parent) for name in PARTITION_FILES)
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        return {}
    lines = re.findall(r"^(\S+)\.\w+[\s,]+([012])\s*$", file.read_text(), re.MULTILINE)
    numbers = dict(lines)
    stems = {name: path.stem for name, path in files.items()}
    return {name: _PARTITION.get(numbers[s], "") for name, s in stems.items() if s in numbers}
