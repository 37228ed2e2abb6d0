"""How a command ended, for people."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cinegan_jax.collect.clean import Cleaned
from cinegan_jax.collect.download import Downloaded
from cinegan_jax.collect.listing import Listed

_SHOWN = 5
"""Failures that are told one by one."""


def of_listing(outcome: Listed, file: Path) -> Iterable[str]:
    """Lines on what was found."""
    yield (
        f"{file}: {outcome.new} new pictures, {outcome.known} known ones; "
        f"{outcome.pages} pages read, {outcome.skipped_pages} read before"
    )
    if outcome.unread_pages:
        yield f"{outcome.unread_pages} pages were not read: --pages lets more be read"
    yield from _failures(outcome.failed)


def of_download(outcome: Downloaded, left: int, pictures: Path, failures: Path) -> Iterable[str]:
    """Lines on what was downloaded."""
    counts = [f"{outcome.new} downloaded", f"{outcome.earlier} downloaded before"]
    counts += [f"{len(outcome.failed)} failed"] + [f"{left} not tried"] * (left > 0)
    yield f"{pictures}: {', '.join(counts)}"
    if outcome.copies:
        yield f"{outcome.copies} have the same content as another, which is kept once"
    if outcome.failed_earlier:
        yield f"{outcome.failed_earlier} failed before: --retry-failures tries them again"
    yield from _failures([(failed.address, failed.reason) for failed in outcome.failed])
    if len(outcome.failed) > _SHOWN:
        yield f"{failures} has them all"


def of_cleaning(outcome: Cleaned, pictures: Path, rejections: Path) -> Iterable[str]:
    """Lines on what was left out."""
    yield f"{pictures}: {len(outcome.kept)} pictures stay, {len(outcome.rejected)} are left out"
    kinds = Counter(rejection.kind for rejection in outcome.rejected)
    yield from (f"  {count} {kind}" for kind, count in kinds.most_common())
    if outcome.rejected:
        yield f"{rejections} says why"


def _failures(failed: Sequence[tuple[str, str]]) -> Iterable[str]:
    yield from (f"failed: {address}: {reason}" for address, reason in failed[:_SHOWN])
    if len(failed) > _SHOWN:
        yield f"and {len(failed) - _SHOWN} more failed"
