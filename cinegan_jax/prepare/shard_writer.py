"""Makes the examples of one shard and writes them, whole or not at all."""

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from array_record.python.array_record_module import ArrayRecordWriter

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import sync, write_whole
from cinegan_jax.data import manifest
from cinegan_jax.data.decode import BrokenPhoto, decode
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.images import Picture
from cinegan_jax.data.pairs import Pair, read_pair, rendered_pair
from cinegan_jax.data.shards import encode_record
from cinegan_jax.data.transforms import RESIZES
from cinegan_jax.film.exposure_variants import vary
from cinegan_jax.film.render import FilmLook, load_look, photo_seed
from cinegan_jax.prepare.align import measure_shift
from cinegan_jax.prepare.plan import Item, Rejection, Settings, ShardPlan

MAX_SHIFT = 1.5
"""Pixels at the stored size by which the pictures of a pair may be shifted: 1 pixel is what two
exports of one photo may differ by in rounding their crop, 2 pixels already teach a blur."""

MIN_AGREEMENT = 0.4
"""Correlation of the edges below which two pictures do not show the same scene (see `Shift`)."""

_OPTIONS = "group_size:1,uncompressed"  # one record a chunk: random access reads no neighbours


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What became of one shard's photos."""

    shard: manifest.Shard
    rejected: Sequence[Rejection]

    def write(self, path: Path) -> None:
        """Saves the report in one step."""
        write_whole(path, json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "ShardReport":
        """Reads a saved report."""
        content = json.loads(path.read_text())
        rejected = [Rejection(*rejection) for rejection in content["rejected"]]
        return cls(manifest.Shard(**content["shard"]), rejected)


class ShardWriter:
    """Writes shards into a folder; runs in a worker process and never imports JAX.

    Args:
      settings: how to prepare the photos.
      out: the folder.
      advance: called after each photo; what it raises stops the work.
    """

    def __init__(self, settings: Settings, out: Path, advance: Callable[[], object]):
        self._settings, self._out, self._advance = settings, out, advance
        self._look: FilmLook | None = None

    def write(self, plan: ShardPlan) -> ShardReport:
        """Writes one shard; under its final name it is always whole and on the disk.

        Raises:
          UserError: the disk is full or the folder cannot be written.
        """
        temporary = self._out / f".{plan.file}.{os.getpid()}.tmp"
        try:
            names, shapes, rejected = self._fill(temporary, plan)
            with temporary.open("rb+") as file:
                sync(file)
            shard = manifest.Shard(
                file=plan.file,
                bytes=temporary.stat().st_size,
                sha256=manifest.sha256(temporary),
                names=names,
                shapes=sorted(shapes),
            )
            temporary.replace(self._out / plan.file)
        except (OSError, RuntimeError) as error:  # ArrayRecord raises RuntimeError
            raise UserError(
                f"cannot write {self._out / plan.file}: {error}. Mend this and give the same "
                "command again: finished shards are kept"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return ShardReport(shard, rejected)

    def _fill(
        self, path: Path, plan: ShardPlan
    ) -> tuple[list[str], set[tuple[int, int]], list[Rejection]]:
        names, shapes, rejected = [], set(), []
        writer = ArrayRecordWriter(str(path), _OPTIONS)
        try:
            for item in plan.items:
                try:
                    example = self._make(
                        item, keep_clean=plan.split == "test" and self._settings.grain
                    )
                except (BrokenExample, BrokenPhoto) as error:
                    reason = error.reason if isinstance(error, BrokenExample) else str(error)
                    rejected.append(Rejection(str(item.before), reason))
                else:
                    writer.write(encode_record(**example._asdict()))
                    names.append(example.name)
                    shapes.add(example.target.shape[:2])
                self._advance()
        finally:
            writer.close()
        return names, shapes, rejected

    def _make(self, item: Item, keep_clean: bool) -> Pair | Picture:
        size, resize = self._settings.size, RESIZES[self._settings.resize]
        if self._settings.pictures:
            return Picture(item.name, resize(decode(item.before, least_side=size), size))
        if item.after is None:
            photo = resize(decode(item.before, least_side=size), size)
            if item.variant:
                photo = vary(photo, photo_seed(item.name))
            return rendered_pair(item.name, photo, self._load_look(), keep_clean)
        pair = read_pair(item.name, item.before, item.after)
        pair = Pair(pair.name, resize(pair.input, size), resize(pair.target, size))
        require_aligned(pair)
        return pair

    def _load_look(self) -> FilmLook:
        if self._look is None:
            look = load_look(self._settings.look)
            self._look = dataclasses.replace(
                look,
                grain_sigma=look.grain_sigma if self._settings.grain else 0.0,
                halation_strength=look.halation_strength * self._settings.halation,
            )
        return self._look


def require_aligned(pair: Pair) -> None:
    """Raises BrokenExample where the pictures do not line up, with the shift that was measured."""
    shift = measure_shift(pair.input, pair.target)
    if shift.agreement < MIN_AGREEMENT:
        raise BrokenExample(
            pair.name,
            f"the pictures do not show the same scene: their edges agree {shift.agreement:.2f} at "
            f"best, {MIN_AGREEMENT} is needed",
        )
    if shift.distance > MAX_SHIFT:
        raise BrokenExample(
            pair.name,
            f"the pictures do not line up: the second lies {shift.right:+.1f} pixels right and "
            f"{shift.down:+.1f} down of the first, at most {MAX_SHIFT} are allowed",
        )
