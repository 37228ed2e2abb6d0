"""Plan of a preparation: which images go into which shard, and which are left out."""

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.names import normal_name
from cinegan_jax.core.storage import AnyPath, file_sha256
from cinegan_jax.data.examples import SPLITS, held_out
from cinegan_jax.data.images import files_below, split_images
from cinegan_jax.data.manifest import MANIFEST_FORMAT
from cinegan_jax.data.pairs import ANY_NAME, FolderPairs
from cinegan_jax.data.samples import sample_photos
from cinegan_jax.film.render import load_recipe
from cinegan_jax.photos.contents import holds_photo, reason_to_skip
from cinegan_jax.photos.kinds import without_developed_raw
from cinegan_jax.prepare.pair_folders import (
    ALL,
    DEFAULT_TARGET,
    KNOWN_LAYOUTS,
    PairFolders,
    find_pair_folders,
)
from cinegan_jax.prepare.settings import PrepareSettings

PAIRS_PER_SHARD = 64
IMAGES_PER_SHARD = 1024
"""More than pairs, since single images are small and sets of faces have 200,000."""

_RAW = "a RAW file with a developed image of the same name"


class PlannedExample(NamedTuple):
    """One example to make: a photo to render, with `after` a pair, or a single image.

    Where `after` is `before`, the image holds both sides of a pair.
    """

    name: str
    before: Path
    after: Path | None = None
    variant: int = 0
    """Number of the variant of the photo; 0 is the photo itself."""


class RejectedFile(NamedTuple):
    """A file that is left out, and the reason."""

    file: str
    reason: str


class PlannedShard(NamedTuple):
    """One shard to write."""

    file: str
    split: str
    examples: Sequence[PlannedExample]


@dataclasses.dataclass(frozen=True)
class PreparePlan:
    """Everything to do.

    Attributes:
      look: name of the look for the manifest.
      settings: how to prepare the photos.
      shards: the shards to write.
      rejected: files that are left out before any is read.
      digest: hash of photos and settings; equal for the same photos and settings.
    """

    look: str
    settings: PrepareSettings
    shards: Sequence[PlannedShard]
    rejected: Sequence[RejectedFile]
    digest: str


def make_plan(source: str, settings: PrepareSettings) -> PreparePlan:
    """List the images of a source and distribute them over shards.

    Args:
      source: `samples`; a folder of photos, searched with its subfolders; or pairs in one of the
        `KNOWN_LAYOUTS`, or as the settings say. With `settings.images`, `samples` or any
        folder of images (see `split_images`).
      settings: how to prepare them.

    Raises:
      UserError: a setting is out of range, the look is unknown, a split is missing, or the source
        has nothing to prepare.
    """
    settings.check()
    root = Path(source)
    rejected: list[RejectedFile] = []
    if source == "samples":
        splits = {split: list(map(_photo, sample_photos(split))) for split in SPLITS}
    elif not root.is_dir():
        archive = " (unpack an archive first)" if zipfile.is_zipfile(root) else ""
        raise UserError(
            f"no folder {source!r}: give a folder of photos or pairs{archive}, or 'samples'"
        )
    elif settings.images:
        splits = _images(root, settings.test_fraction, rejected)
    else:
        splits = _pairs_or_photos(root, settings, rejected)
    if settings.images:
        return _plan(splits, rejected, settings, look="")
    rendered = any(example.after is None for each in splits.values() for example in each)
    if rendered and not settings.look:
        raise UserError(
            f"{source} holds photos, which need a film look: give --look classic_neg or --look "
            f"FILE.cube. Folders of pairs are {KNOWN_LAYOUTS}; --targets, --target-name and "
            "--side-by-side name others"
        )
    if rendered:
        load_recipe(settings.look)  # finds an unknown look before any work is done
        splits["train"] = _with_variants(splits["train"], settings.variants)
    elif not settings.renders_plainly:
        raise UserError(
            "--variants, --no-grain and --halation are for photos that a film look is rendered on"
        )
    return _plan(splits, rejected, settings, Path(settings.look).name or DEFAULT_TARGET)


def _plan(
    splits: Mapping[str, Sequence[PlannedExample]],
    rejected: Sequence[RejectedFile],
    settings: PrepareSettings,
    look: str,
) -> PreparePlan:
    length = IMAGES_PER_SHARD if settings.images else PAIRS_PER_SHARD
    shards = [shard for split, each in splits.items() for shard in _shards(split, each, length)]
    if not shards:
        raise UserError("no photos to prepare: the source has no image files")
    lut = Path(settings.look)
    facts = {
        **_facts(settings),
        "format": MANIFEST_FORMAT,
        "look": look,
        "lut": file_sha256(lut) if lut.is_file() else None,
        "shards": [[shard.file, list(map(_identity, shard.examples))] for shard in shards],
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return PreparePlan(look, settings, shards, rejected, digest)


def _facts(settings: PrepareSettings) -> dict[str, object]:
    """Return the settings under their first names, so that older folders keep their digest."""
    facts = dataclasses.asdict(settings)
    images, checked = facts.pop("images"), facts.pop("check_alignment")
    for name in ("targets", "input_name", "target_name"):
        del facts[name]  # the files that they choose are in the digest
    sides = facts.pop("side_by_side")
    added = {"pictures": images, "unchecked": not checked, "side_by_side": sides}
    return facts | {name: value for name, value in added.items() if value}


def _shards(split: str, examples: Sequence[PlannedExample], length: int) -> list[PlannedShard]:
    parts = [examples[i : i + length] for i in range(0, len(examples), length)]
    return [
        PlannedShard(f"{split}-{index:05d}-of-{len(parts):05d}.arrayrecord", split, part)
        for index, part in enumerate(parts)
    ]


def _identity(example: PlannedExample) -> list[str | int]:
    files = [path.stat() for path in (example.before, example.after) if path is not None]
    return [example.name, *(fact for file in files for fact in (file.st_size, file.st_mtime_ns))]


def _with_variants(examples: Sequence[PlannedExample], variants: int) -> list[PlannedExample]:
    return [
        each._replace(name=f"{each.name}~{variant}" if variant else each.name, variant=variant)
        for variant in range(variants)
        for each in examples
    ]


def _pairs_or_photos(
    root: Path, settings: PrepareSettings, rejected: list[RejectedFile]
) -> dict[str, list[PlannedExample]]:
    """Return the pairs or photos of a folder by split."""
    folders = _pair_folders(root, settings)
    if settings.side_by_side:
        roots = {split: root / split for split in SPLITS if (root / split).is_dir()}
        whole = roots if len(roots) == len(SPLITS) else {ALL: root}
        found = {split: _both_sides(each, rejected) for split, each in whole.items()}
    elif folders:
        found = {split: _pairs(each, settings, rejected) for split, each in folders.items()}
    else:
        found = {ALL: _photos(root, rejected)}
    return _split(found[ALL], settings.test_fraction) if ALL in found else found


def _pair_folders(root: Path, settings: PrepareSettings) -> Mapping[str, PairFolders]:
    """Return the folders of pairs that the settings name, or else those of a known layout."""
    if settings.targets:
        targets = Path(settings.targets).expanduser()
        if not targets.is_dir():
            raise UserError(f"--targets {settings.targets}: no such folder")
        return {ALL: PairFolders(root, targets)}
    if (settings.input_name, settings.target_name) != (ANY_NAME, ANY_NAME):
        return find_pair_folders(root, settings.look) or {ALL: PairFolders(root, root)}
    return find_pair_folders(root, settings.look)


def _photo(path: Path) -> PlannedExample:
    return PlannedExample(normal_name(path.stem), path)


def _photos(root: Path, rejected: list[RejectedFile]) -> list[PlannedExample]:
    found: dict[str, PlannedExample] = {}
    files = sorted(path for path in root.rglob("*") if path.is_file())
    kept = set(without_developed_raw(filter(holds_photo, files)))
    for path in files:
        name = normal_name(path.relative_to(root).with_suffix("").as_posix())
        if path not in kept:
            rejected.append(RejectedFile(str(path), reason_to_skip(path) or _RAW))
        elif name in found:
            rejected.append(RejectedFile(str(path), f"has the name of {found[name].before}"))
        else:
            found[name] = PlannedExample(name, path)
    return list(found.values())


def _images(
    root: Path, test_fraction: float, rejected: list[RejectedFile]
) -> dict[str, list[PlannedExample]]:
    rejected.extend(_others(sorted(files_below(root))))
    splits = split_images(root, test_fraction)
    return {
        split: [PlannedExample(name, Path(path)) for name, path in files.items()]
        for split, files in splits.items()
    }


def _others(paths: Iterable[AnyPath]) -> Iterator[RejectedFile]:
    """Yield the files that are no images, with the reason."""
    reasons = ((path, reason_to_skip(path)) for path in paths)
    return (RejectedFile(str(path), reason) for path, reason in reasons if reason)


def _pairs(
    folders: PairFolders, settings: PrepareSettings, rejected: list[RejectedFile]
) -> list[PlannedExample]:
    pairs = FolderPairs(*folders, settings.input_name, settings.target_name)
    files = sorted(path for folder in set(folders) for path in folder.iterdir() if path.is_file())
    rejected.extend(_others(files))
    rejected.extend(RejectedFile(str(path), "has no partner") for path in pairs.unmatched())
    paths = (map(Path, pairs.paths(index)) for index in range(len(pairs)))
    return [
        PlannedExample(name, before, after)
        for name, (before, after) in zip(pairs.names, paths, strict=True)
    ]


def _both_sides(root: Path, rejected: list[RejectedFile]) -> list[PlannedExample]:
    """Return the images of a folder that hold input and target side by side."""
    return [example._replace(after=example.before) for example in _photos(root, rejected)]


def _split(
    examples: Sequence[PlannedExample], test_fraction: float
) -> dict[str, list[PlannedExample]]:
    test = held_out((example.name for example in examples), test_fraction)
    return {
        "train": [example for example in examples if example.name not in test],
        "test": [example for example in examples if example.name in test],
    }
