"""An evaluation as a person reads it."""

from rich.table import Table

from cinegan_jax.evaluation.result import Evaluation, Score

HEADINGS = ("protocol", "against", "method", "PSNR (dB)", "SSIM", "delta E 76", "pictures")
METHODS = {"input": "input", "lut": "fitted LUT", "generator": "generator"}
REFERENCES = {"target": "target", "clean": "clean target"}


def to_table(evaluation: Evaluation) -> Table:
    """A table for the terminal."""
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
    parts = []
    for reference in ("clean", "target"):
        scores = evaluation.select(protocol=protocol, reference=reference)
        if scores:
            listed = ", ".join(
                f"{METHODS[s.method]} {s.psnr:.2f} dB / {s.delta_e:.2f}" for s in scores
            )
            parts.append(f"against the {REFERENCES[reference]}: {listed}")
    return f"held-out PSNR / delta E 76 {'; '.join(parts)}"


def _cells(score: Score, size: int) -> tuple[str, ...]:
    return (
        f"filmnet {size}x{size}" if score.protocol == "filmnet" else score.protocol,
        REFERENCES[score.reference],
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
