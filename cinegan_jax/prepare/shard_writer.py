"""Make the examples of one shard and write them atomically."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordWriter

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import file_sha256, sync, write_whole
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.images import SingleImage
from cinegan_jax.data.manifest import Shard
from cinegan_jax.data.pairs import Pair, read_pair, rendered_pair
from cinegan_jax.data.shards import encode_record
from cinegan_jax.data.transforms import RESIZES, ImageTooSmall
from cinegan_jax.film.exposure_variants import vary
from cinegan_jax.film.render import FilmLook, load_recipe, photo_seed
from cinegan_jax.photos.photo import UnreadablePhoto
from cinegan_jax.photos.photo_process import PhotoProcess
from cinegan_jax.prepare.align import measure_shift
from cinegan_jax.prepare.plan import PlannedExample, PlannedShard, RejectedFile
from cinegan_jax.prepare.settings import PrepareSettings

MAX_SHIFT = 1.5
"""Maximum shift between the images of a pair, in pixels at the stored size. Two exports of one
photo may differ by 1 pixel from rounding their crop; 2 pixels already teach a blur."""

MIN_AGREEMENT = 0.4
"""Minimum correlation of the edges of two images of the same scene (see `Shift`)."""
_UNCHECKED = "prepare with --no-check-alignment"

_OPTIONS = "group_size:1,uncompressed"  # one record per chunk, for random access


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """Result of writing one shard."""

    shard: Shard
    rejected: Sequence[RejectedFile]

    def write(self, path: Path) -> None:
        """Write the report atomically."""
        write_whole(path, json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "ShardReport":
        """Read a report."""
        content = json.loads(path.read_text())
        rejected = [RejectedFile(*each) for each in content["rejected"]]
        return cls(Shard(**content["shard"]), rejected)


class ShardWriter:
    """Writer of shards; runs in worker processes and never imports JAX.

    Photos are decoded in a further process: a file that crashes its decoder is left out.

    Args:
      settings: how to prepare the photos.
      out: output folder.
      advance: called after each photo; an exception from it stops the work.
    """

    def __init__(self, settings: PrepareSettings, out: Path, advance: Callable[[], object]):
        self._settings, self._out, self._advance = settings, out, advance
        self._recipe: FilmLook | None = None
        self._decoder = PhotoProcess()

    def close(self) -> None:
        """End the process that decodes the photos."""
        self._decoder.close()

    def write(self, plan: PlannedShard) -> ShardReport:
        """Write one shard; a file under its final name is always complete and on the disk.

        Raises:
          UserError: the disk is full or the folder is not writable.
        """
        temporary = self._out / f".{plan.file}.{os.getpid()}.tmp"
        try:
            names, shapes, rejected = self._fill(temporary, plan)
            with temporary.open("rb+") as file:
                sync(file)
            shard = Shard(
                file=plan.file,
                bytes=temporary.stat().st_size,
                sha256=file_sha256(temporary),
                names=names,
                shapes=sorted(shapes),
            )
            temporary.replace(self._out / plan.file)
        except (OSError, RuntimeError) as error:  # ArrayRecord raises RuntimeError
            raise UserError(
                f"cannot write {self._out / plan.file}: {error}. Fix this and run the same "
                "command again: finished shards are kept"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return ShardReport(shard, rejected)

    def _fill(
        self, path: Path, plan: PlannedShard
    ) -> tuple[list[str], set[tuple[int, int]], list[RejectedFile]]:
        """Write the records of a shard; return their names and sizes, and the files left out."""
        names, shapes, rejected = [], set(), []
        keep_clean = plan.split == "test" and self._settings.grain
        writer = ArrayRecordWriter(str(path), _OPTIONS)
        try:
            for planned in plan.examples:
                try:
                    example = self._make(planned, keep_clean)
                except (BrokenExample, ImageTooSmall, UnreadablePhoto) as error:
                    reason = error.reason if isinstance(error, BrokenExample) else str(error)
                    rejected.append(RejectedFile(str(planned.before), reason))
                else:
                    writer.write(encode_record(**example._asdict()))
                    names.append(example.name)
                    shapes.add(example.target.shape[:2])
                self._advance()
        finally:
            writer.close()
        return names, shapes, rejected

    def _make(self, planned: PlannedExample, keep_clean: bool) -> Pair | SingleImage:
        size, resize = self._settings.size, RESIZES[self._settings.resize]
        if planned.after is not None:
            pair = self._read_pair(planned.name, planned.before, planned.after)
            pair = Pair(pair.name, resize(pair.input, size), resize(pair.target, size))
            if self._settings.check_alignment:
                require_aligned(pair)
            return pair
        photo = resize(self._decoder.decode(planned.before, size), size)
        if self._settings.images:
            return SingleImage(planned.name, photo)
        if planned.variant:
            photo = vary(photo, photo_seed(planned.name))
        return rendered_pair(planned.name, photo, self._load_recipe(), keep_clean)

    def _read_pair(self, name: str, before: Path, after: Path) -> Pair:
        if before != after:
            return read_pair(name, before, after, self._decoder.decode)
        both = self._decoder.decode(before)
        width = both.shape[1]
        if width % 2:
            raise BrokenExample(name, f"{width} pixels wide: two sides of one width are even")
        left, right = both[:, : width // 2], both[:, width // 2 :]
        return Pair(
            name, *((left, right) if self._settings.side_by_side == "ab" else (right, left))
        )

    def _load_recipe(self) -> FilmLook:
        if self._recipe is None:
            recipe = load_recipe(self._settings.look)
            self._recipe = dataclasses.replace(
                recipe,
                grain_sigma=recipe.grain_sigma if self._settings.grain else 0.0,
                halation_strength=recipe.halation_strength * self._settings.halation,
            )
        return self._recipe


def require_aligned(pair: Pair) -> None:
    """Raise BrokenExample, with the measured shift, if the images of a pair are not aligned."""
    shift = measure_shift(pair.input, pair.target)
    if shift.agreement < MIN_AGREEMENT:
        raise BrokenExample(
            pair.name,
            f"the images do not show the same scene: their edges correlate by "
            f"{shift.agreement:.2f}, but {MIN_AGREEMENT} is needed; if they do, {_UNCHECKED}",
        )
    if shift.distance > MAX_SHIFT:
        raise BrokenExample(
            pair.name,
            f"the images are not aligned: the second is {shift.right:+.1f} pixels right and "
            f"{shift.down:+.1f} down of the first, at most {MAX_SHIFT} are allowed; to use them "
            f"all the same, {_UNCHECKED}",
        )
