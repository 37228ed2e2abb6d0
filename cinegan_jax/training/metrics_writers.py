"""Writers of a run's metrics and images for the programs that show them."""

import contextlib
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from etils import epath
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from cinegan_jax.config.run import Tracker
from cinegan_jax.core.errors import UserError, how_to_install, is_disk_full
from cinegan_jax.training.record_files import log_disk_full


class MetricsWriter(Protocol):
    """A destination of metrics and images. It never ends a run; only the first process has one."""

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write values of one step by name, such as `loss_generator`."""

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Write images by name, uint8 [h, w, 3]."""

    def rewind(self, step: int) -> None:
        """Hide what was written past `step`: the run writes it again."""

    def begin_another_file(self) -> None:
        """Continue in another file, since the present one has been copied to a bucket."""

    def close(self) -> None:
        """Write what is left."""


class TensorBoardWriter:
    """TensorBoard event files, written in the calling thread.

    tensorboardX's `SummaryWriter` writes in a thread that dies on a full disk; the next call then
    waits for it forever.

    Args:
      folder: destination of the event files.
      start: the step that the run continues from.
    """

    def __init__(self, folder: Path, start: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file: RecordWriter | None = None
        self.rewind(start)

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._write_values(step, [summary.scalar(n, float(v)) for n, v in scalars.items()])

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        values = [summary.image(name, image, dataformats="HWC") for name, image in images.items()]
        self._write_values(step, values)

    def rewind(self, step: int) -> None:
        restart = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=step + 1, session_log=restart))

    def begin_another_file(self) -> None:
        """Leave the file as it is; on a full disk it may end in half a record."""
        with contextlib.suppress(OSError):
            self.close()
        self._file = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write_values(self, step: int, values: list[Summary]) -> None:
        merged = Summary()
        for value in values:
            merged.MergeFrom(value)
        self._write(Event(wall_time=time.time(), step=step, summary=merged))

    def _write(self, event: Event) -> None:
        try:
            if self._file is None:
                self._file = RecordWriter(str(self._folder / f"events.out.tfevents.{_now()}"))
                header = Event(wall_time=time.time(), file_version="brain.Event:2")
                self._file.write(header.SerializeToString())
            self._file.write(event.SerializeToString())
            self._file.flush()
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.begin_another_file()
            log_disk_full("an event is missing from", self._folder)


class WandbWriter:
    """A run in Weights & Biases; needs the extra `wandb`.

    wandb's own environment variables choose the project, the account and the mode:
    `WANDB_PROJECT`, `WANDB_API_KEY`, `WANDB_MODE=offline`. A run that starts again continues the
    same W&B run. W&B cannot take values back, so a step that is written twice is shown twice.

    Args:
      folder: local folder; wandb's files go into its subfolder `wandb`.
      run_id: text that names the same W&B run at every start.
      config: the run's config, shown beside its curves.

    Raises:
      UserError: wandb is not installed.
    """

    def __init__(self, folder: Path, run_id: str, config: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise UserError(f"trackers has 'wandb': {how_to_install('wandb')}") from error
        self._image = wandb.Image
        self._run = wandb.init(
            dir=folder, id=run_id, resume="allow", config=dict(config), settings={"silent": True}
        )
        self._run.define_metric("*", step_metric="step")

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._run.log({"step": step, **{name: float(v) for name, v in scalars.items()}})

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        shown = {name: self._image(image) for name, image in images.items()}
        self._run.log({"step": step, **shown})

    def rewind(self, step: int) -> None:
        """Do nothing: W&B keeps what it has."""

    def begin_another_file(self) -> None:
        """Do nothing: wandb copies its files itself."""

    def close(self) -> None:
        self._run.finish()


def open_writers(
    trackers: tuple[Tracker, ...],
    workdir: epath.Path,
    folder: Path,
    start: int,
    config: Mapping[str, Any],
) -> list[MetricsWriter]:
    """Open the writers that `config.trackers` names.

    Args:
      trackers: their names.
      workdir: the run's folder, local or in a bucket.
      folder: a local folder, whose files are copied to the workdir where that is a bucket.
      start: the step that the run continues from.
      config: the run's config.

    Raises:
      UserError: a package is missing.
    """
    writers: list[MetricsWriter] = []
    if "tensorboard" in trackers:
        writers.append(TensorBoardWriter(folder / "tensorboard", start))
    if "wandb" in trackers:
        writers.append(WandbWriter(folder, _run_id(workdir), config))
    return writers


def _now() -> str:
    """Return the time as TensorBoard has it in file names, with more digits for quick restarts."""
    return f"{time.time():.6f}"


def _run_id(workdir: epath.Path) -> str:
    """Return the id of the workdir's W&B run, which the first start chooses."""
    file = workdir / "wandb_run_id.txt"
    if not file.exists():
        file.write_text(secrets.token_hex(8))
    return file.read_text()
