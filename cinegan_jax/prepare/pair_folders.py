"""Layouts of folders of pairs: where the images of each side and split are."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import SPLITS

DEFAULT_TARGET = "target"
"""Name of the folder of target images where no look is given."""

ALL = ""
"""Key of the folders of a source without splits."""

KNOWN_LAYOUTS = (
    "input/ and LOOK/ (or target/), before/ and after/, or A/ and B/; each with train/ and test/ "
    "above or below, or as trainA/, trainB/, testA/, testB/"
)


class PairFolders(NamedTuple):
    """The folders of one split."""

    inputs: Path
    targets: Path


def find_pair_folders(root: Path, look: str) -> Mapping[str, PairFolders]:
    """Return the folders of pairs by split, or under `ALL`; nothing if `root` holds no pairs.

    Args:
      root: a folder in one of the `KNOWN_LAYOUTS`; the names may have any case.
      look: name of the target images' folder beside `input`; empty for `target`.

    Raises:
      UserError: the folders of a split, or one side of them, are missing.
    """
    for inputs, targets in (("input", look or DEFAULT_TARGET), ("before", "after"), ("A", "B")):
        whole = _Sides((root, inputs), (root, targets))
        arrangements = [
            [_Sides((root, split, inputs), (root, split, targets)) for split in SPLITS],
            [_Sides((root, split + inputs), (root, split + targets)) for split in SPLITS],
        ]
        if whole.present():
            below = [_Sides((root, inputs, split), (root, targets, split)) for split in SPLITS]
            return _splits(below) or {ALL: whole.require()}
        for arrangement in arrangements:
            if found := _splits(arrangement):
                return found
    return {}


class _Sides(NamedTuple):
    """Paths of the two folders of a split: a root, and the names below it."""

    inputs: tuple[Path | str, ...]
    targets: tuple[Path | str, ...]

    def present(self) -> bool:
        """Return whether these are pairs: `input` alone says so, the others need both sides."""
        inputs = _folder(*self.inputs)
        sure = "input" in self.inputs or _folder(*self.targets) is not None
        return inputs is not None and sure

    def require(self) -> PairFolders:
        return PairFolders(_required(*self.inputs), _required(*self.targets))


def _splits(sides: Sequence[_Sides]) -> dict[str, PairFolders]:
    """Return the folders of all splits if those of one are there."""
    present = [each for each in sides if each.present()]
    if not present:
        return {}
    for each in sides:
        root, name = Path(each.inputs[0]), str(each.inputs[1])
        if _folder(root, name) is None:
            had, *rest = present[0].inputs[1:]
            alone = root / str(had) if rest else f"{root / str(had)} with --targets"
            raise UserError(
                f"no folder {name!r} in {root}, which has {had!r}: add it, or prepare {alone}, of "
                "which --test-fraction is then held out"
            )
    return {split: each.require() for split, each in zip(SPLITS, sides, strict=True)}


def _folder(root: Path | str, *names: Path | str) -> Path | None:
    """Return the folder of these names, whatever their case, or None."""
    found = Path(root)
    for name in names:
        wanted = str(name).lower()
        matches = sorted(child for child in _subfolders(found) if child.name.lower() == wanted)
        if not matches:
            return None
        found = found / str(name) if found / str(name) in matches else matches[0]
    return found


def _required(root: Path | str, *names: Path | str) -> Path:
    found = _folder(root, *names)
    if found is None:
        parent = _folder(root, *names[:-1]) or Path(root)
        present = ", ".join(sorted(repr(each.name) for each in _subfolders(parent)))
        raise UserError(f"no folder {str(names[-1])!r} in {parent}; it holds {present}")
    return found


def _subfolders(folder: Path) -> Iterator[Path]:
    return (child for child in folder.iterdir() if child.is_dir())
