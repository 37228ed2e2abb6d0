"""An evaluation as a person reads it."""

from collections.abc import Iterable

from rich.table import Table

from cinegan_jax.evaluation.result import Evaluation, Score

HEADINGS = ("protocol", "against", "method", "PSNR dB", "SSIM", "delta E", "photos")
METHODS = {"input": "input", "lut": "fitted LUT", "generator": "generator"}


def to_table(evaluation: Evaluation) -> Table:
    """A table for the terminal, at most 80 columns wide."""
    table = Table(caption=_skipped(evaluation) or None)
    for position, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if position < 3 else "right")
    before = None
    for score in evaluation.scores:
        group = (score.protocol, score.reference)
        if before not in (None, group):
            table.add_section()
        before = group
        table.add_row(*_cells(score, evaluation.size))
    return table


def to_markdown(evaluation: Evaluation) -> str:
    """The same table in Markdown."""
    rules = ["---"] * 3 + ["---:"] * (len(HEADINGS) - 3)
    rows = [HEADINGS, rules, *(_cells(s, evaluation.size) for s in evaluation.scores)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    skipped = _skipped(evaluation)
    return "\n".join([*lines, *(["", skipped] if skipped else [])]) + "\n"


def summary_line(evaluation: Evaluation, protocol: str = "native") -> str:
    """PSNR and delta E 76 of every method against each reference, in one line."""
    clean = evaluation.select(protocol=protocol, reference="clean")
    target = evaluation.select(protocol=protocol, reference="target")
    parts = [f"against the clean target: {_listed(clean)}"] if clean else []
    parts.append(f"against the {'grainy ' if clean else ''}target: {_listed(target)}")
    return f"held-out PSNR / delta E 76 {'; '.join(parts)}"


def _listed(scores: Iterable[Score]) -> str:
    return ", ".join(f"{METHODS[s.method]} {s.psnr:.2f} dB / {s.delta_e:.2f}" for s in scores)


def _cells(score: Score, size: int) -> tuple[str, ...]:
    return (
        f"filmnet {size}" if score.protocol == "filmnet" else score.protocol,
        score.reference,
        METHODS[score.method],
        f"{score.psnr:.2f}",
        f"{score.ssim:.4f}",
        f"{score.delta_e:.2f}",
        str(score.pictures),
    )


def _skipped(evaluation: Evaluation) -> str:
    if not evaluation.skipped:
        return ""
    named = "; ".join(f"{name} ({reason})" for name, reason in evaluation.skipped.items())
    return f"{len(evaluation.skipped)} left out: {named}"
