"""What `cinegan prepare` will do: which photos go into which shard, and which are left out."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.data import manifest
from cinegan_jax.data.decode import is_photo
from cinegan_jax.data.examples import SPLITS, held_out
from cinegan_jax.data.images import files_below, split_pictures
from cinegan_jax.data.pairs import FolderPairs, subfolder
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.data.transforms import RESIZES
from cinegan_jax.film.render import load_look

PAIRS_A_SHARD = 64
PICTURES_A_SHARD = 1024
"""More than of pairs: they are small, and a data set of faces has 200,000."""
_AFTER = "target"
_NOT_A_PICTURE = "not a JPEG, PNG, TIFF or WebP picture"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How photos are prepared.

    Attributes:
      look: of `load_look` for photos, the name of the folder of the after pictures for pairs; empty
        for pairs in `input` and `target`.
      size: pixels of the short side (`crop`) or of both sides.
      resize: one of `RESIZES`.
      test_fraction: share of the photos held out, where the source does not say which.
      variants: how often each training photo occurs: once as it is, then in other light.
      grain: whether rendered pictures have grain.
      halation: strength of the glow round their highlights, times that of the look; 0: none.
      pictures: whether the source's pictures are prepared as they are, without a partner.
    """

    look: str = ""
    size: int = 512
    resize: str = "crop"
    test_fraction: float = 0.1
    variants: int = 1
    grain: bool = True
    halation: float = 1.0
    pictures: bool = False

    @property
    def kind(self) -> str:
        """What is made: `pairs` or `pictures`."""
        return "pictures" if self.pictures else "pairs"

    @property
    def makes_nothing_else(self) -> bool:
        """Whether nothing is asked for that only a rendered film look has."""
        return self.variants == 1 and self.grain and self.halation == 1

    def check(self) -> None:
        """Raises UserError where a setting is out of range."""
        if self.resize not in RESIZES:
            raise UserError(f"no --resize {self.resize!r}: choose one of {', '.join(RESIZES)}")
        if self.size < 1:
            raise UserError(f"--size is {self.size}: it must be 1 or more")
        if not 0 <= self.test_fraction < 1:
            raise UserError(f"--test-fraction is {self.test_fraction}: it must be in 0 ... 1")
        if self.variants < 1:
            raise UserError(f"--variants is {self.variants}: it must be 1 or more")
        if not 0 <= self.halation < math.inf:
            raise UserError(f"--halation is {self.halation}: it must be 0 or more")
        if self.pictures and (self.look or not self.makes_nothing_else):
            raise UserError("--pictures prepares pictures as they are: without a look or variants")


class Item(NamedTuple):
    """One example to make: of a photo and a look; with `after`, of two pictures; or a picture."""

    name: str
    before: Path
    after: Path | None = None
    variant: int = 0
    """Of the photo: 0 is the photo as it is (see `data.variants`)."""


class Rejection(NamedTuple):
    """A file left out, and why."""

    file: str
    reason: str


class ShardPlan(NamedTuple):
    """One shard to write."""

    file: str
    split: str
    items: Sequence[Item]


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything to do; the same photos and settings give the same `digest`."""

    look: str
    settings: Settings
    shards: Sequence[ShardPlan]
    rejected: Sequence[Rejection]
    digest: str


def make_plan(source: str, settings: Settings) -> Plan:
    """Lists the photos of a source and distributes them over shards.

    Args:
      source: `samples`; a folder of photos, searched with its subfolders; or pairs in
        `{train,test}/{input,LOOK}` or `{input,target}`. Of pictures `samples` or any folder (see
        `split_pictures`).
      settings: how to prepare them.

    Raises:
      UserError: a setting is out of range, the look is unknown, or the source holds nothing to
        prepare.
    """
    settings.check()
    root = Path(source)
    rejected: list[Rejection] = []
    if source == "samples":
        splits = {split: list(map(_photo, sample_photos(split))) for split in SPLITS}
    elif not root.is_dir():
        raise UserError(f"no folder {source!r}: give a folder of photos or pairs, or 'samples'")
    elif settings.pictures:
        splits = _pictures(root, settings.test_fraction, rejected)
    elif any((root / split / "input").is_dir() for split in SPLITS):
        splits = {split: _pairs(root / split, settings, rejected) for split in SPLITS}
    elif (root / "input").is_dir():
        splits = _split(_pairs(root, settings, rejected), settings.test_fraction)
    else:
        splits = _split(_photos(root, rejected), settings.test_fraction)
    if settings.pictures:
        return _plan(splits, rejected, settings, look="")
    rendered = any(item.after is None for items in splits.values() for item in items)
    if rendered and not settings.look:
        raise UserError("photos need a film look: give --look classic_neg or --look FILE.cube")
    if rendered:
        load_look(settings.look)  # an unknown look is found before any work
        splits["train"] = _with_variants(splits["train"], settings.variants)
    elif not settings.makes_nothing_else:
        raise UserError(
            "--variants, --no-grain and --halation are for photos that a film look is rendered on"
        )
    return _plan(splits, rejected, settings, Path(settings.look).name or _AFTER)


def _plan(
    splits: Mapping[str, Sequence[Item]],
    rejected: Sequence[Rejection],
    settings: Settings,
    look: str,
) -> Plan:
    length = PICTURES_A_SHARD if settings.pictures else PAIRS_A_SHARD
    shards = [shard for split, items in splits.items() for shard in _shards(split, items, length)]
    if not shards:
        raise UserError("no photos to prepare: the source holds no picture files")
    lut = Path(settings.look)
    facts = {
        **_facts(settings),
        "format": manifest.FORMAT,
        "look": look,
        "lut": manifest.sha256(lut) if lut.is_file() else None,
        "shards": [[shard.file, [_identity(item) for item in shard.items]] for shard in shards],
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return Plan(look, settings, shards, rejected, digest)


def _facts(settings: Settings) -> dict[str, object]:
    """As they were before there were pictures: a preparation of pairs begun then goes on."""
    facts = dataclasses.asdict(settings)
    return facts if settings.pictures else {k: v for k, v in facts.items() if k != "pictures"}


def _shards(split: str, items: Sequence[Item], length: int) -> list[ShardPlan]:
    parts = [items[i : i + length] for i in range(0, len(items), length)]
    return [
        ShardPlan(f"{split}-{index:05d}-of-{len(parts):05d}.arrayrecord", split, part)
        for index, part in enumerate(parts)
    ]


def _identity(item: Item) -> list[str | int]:
    files = [path.stat() for path in (item.before, item.after) if path is not None]
    return [item.name, *(fact for file in files for fact in (file.st_size, file.st_mtime_ns))]


def _with_variants(items: Sequence[Item], variants: int) -> list[Item]:
    return [
        item._replace(name=f"{item.name}~{variant}" if variant else item.name, variant=variant)
        for variant in range(variants)
        for item in items
    ]


def _photo(path: Path) -> Item:
    return Item(path.stem, path)


def _photos(root: Path, rejected: list[Rejection]) -> list[Item]:
    found: dict[str, Item] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).with_suffix("").as_posix()
        if not is_photo(path):
            rejected.append(Rejection(str(path), _NOT_A_PICTURE))
        elif name in found:
            rejected.append(Rejection(str(path), f"has the name of {found[name].before}"))
        else:
            found[name] = Item(name, path)
    return list(found.values())


def _pictures(root: Path, test_fraction: float, rejected: list[Rejection]) -> dict[str, list[Item]]:
    others = sorted(path for path in files_below(root) if not is_photo(path))
    rejected.extend(Rejection(str(path), _NOT_A_PICTURE) for path in others)
    splits = split_pictures(root, test_fraction)
    return {s: [Item(name, Path(p)) for name, p in files.items()] for s, files in splits.items()}


def _pairs(root: Path, settings: Settings, rejected: list[Rejection]) -> list[Item]:
    folders = subfolder(root, "input"), subfolder(root, settings.look or _AFTER)
    pairs = FolderPairs(*folders)
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    rejected.extend(Rejection(str(p), _NOT_A_PICTURE) for p in files if not is_photo(p))
    rejected.extend(Rejection(str(path), "has no partner") for path in pairs.unmatched())
    return [Item(name, *pairs.paths(index)) for index, name in enumerate(pairs.names)]


def _split(items: Sequence[Item], test_fraction: float) -> dict[str, list[Item]]:
    test = held_out((item.name for item in items), test_fraction)
    return {
        "train": [item for item in items if item.name not in test],
        "test": [item for item in items if item.name in test],
    }
