"""The sections of a config that all runs have. A family adds its own in `families/`."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Literal, get_args

from cinegan_jax.config.health import HealthSettings
from cinegan_jax.config.schema import Section, key, section, sections_of, with_default
from cinegan_jax.core.durations import parse_duration
from cinegan_jax.core.errors import UserError

Crop = Literal["crop", "short_side", "centre", "squash"]
Tracker = Literal["tensorboard", "wandb"]
DEFAULT_TRACKERS: tuple[Tracker, ...] = ("tensorboard",)
BestMode = Literal["max", "min"]
OnDiskFull = Literal["continue", "stop"]
Parallelism = Literal["jit", "pmap", "pjit"]
ActivationPrecision = Literal["bf16", "f32"]
ScheduleName = Literal["constant", "linear", "cosine"]

METRICS_OF_PAIRS: Mapping[str, BestMode] = {
    "psnr": "max",
    "psnr_clean": "max",
    "delta_e": "min",
    "delta_e_clean": "min",
}
METRICS_OF_IMAGES: Mapping[str, BestMode] = {"feature_distance": "min", "kernel_distance": "min"}
BEST_MODES: Mapping[str, BestMode] = {**METRICS_OF_PAIRS, **METRICS_OF_IMAGES}
"""Scores that can rank checkpoints, and whether the largest or the smallest value is best."""

ROWS_PER_SPATIAL_DEVICE = 32
"""Image rows that each device needs. The smallest feature map has a sixteenth of them, and XLA's
halos of convolutions are wrong if a device holds a single row of one."""

MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class DataSettings(Section):
    """The training and held-out examples."""

    path: str = key(
        "FilmSet",
        "Folder like FilmSet or from `cinegan prepare`, local or gs://, or `samples`, the embedded "
        "photos. Families that learn from images also take any folder of images, or `shapes`, "
        "which are drawn.",
    )
    cache: str = key("~/.cache/cinegan", "Local folder for copies of shards that lie in a bucket.")
    look: str = key(
        "ClassNeg", "Folder name of the look of pairs; for `samples` the name of a film look."
    )
    size: int = key(
        512, "Height and width of the training images, in pixels.", at_least=ROWS_PER_SPATIAL_DEVICE
    )
    crop: Crop = key(
        "squash",
        "`squash`: the whole image, aspect lost; `crop`: a random crop; `short_side`: the same "
        "after reducing the short side to `size`; `centre`: the middle square, reduced.",
    )
    threads: int = key(4, "Threads that read and decode.", at_least=1)
    corrupt_ceiling: float = key(
        0.01,
        "Largest share of unreadable examples with which the run goes on; 0: none.",
        at_least=0,
        at_most=1,
    )
    corrupt_floor: int = key(
        10,
        "Unreadable examples with which a run goes on although their share is above "
        "`corrupt_ceiling`: at most a tenth of the examples, and none where that is 0.",
        at_least=0,
    )
    accept_fingerprint: str = key(
        "",
        "Fingerprint of other data with which a resumed run may go on; the message that refuses "
        "them names it.",
    )


@dataclass(frozen=True)
class AdamSettings(Section):
    """Adam and its learning rate schedule."""

    learning_rate: float = key(MISSING, "Peak learning rate.", at_least=0)
    beta1: float = key(0.0, "Decay of the first moment.", at_least=0, below=1)
    beta2: float = key(0.9, "Decay of the second moment.", at_least=0, below=1)
    epsilon: float = key(
        1e-7, "Added to the root of the second moment (Keras' default; optax has 1e-8).", above=0
    )
    schedule: ScheduleName = key(
        "constant", "`constant`, or `linear` or `cosine` decay to zero at the last step."
    )
    warmup_steps: int = key(0, "Steps in which the rate rises linearly from zero.", at_least=0)
    clip_norm: float = key(0.0, "Largest global gradient norm; 0: no clipping.", at_least=0)


@dataclass(frozen=True)
class PlayerOptimizers(Section):
    """The optimizer of each player."""

    generator: AdamSettings = section(AdamSettings(learning_rate=5e-5))
    discriminator: AdamSettings = section(AdamSettings(learning_rate=1e-4))


@dataclass(frozen=True)
class RunConfig(Section):
    """The keys of every run."""

    family: str = key("", "The GAN family.")
    seed: int = key(
        0, "Seed of the networks, the order, the crops and the flips.", at_least=0, at_most=MAX_SEED
    )
    precision: ActivationPrecision = key(
        "bf16",
        "`bf16`: bfloat16 activations, float32 parameters and losses; `f32`: all float32.",
    )
    parallelism: Parallelism = key(
        "pmap",
        "`jit`: the first device; `pmap`: all devices; `pjit`: one program over a mesh of all "
        "devices.",
    )
    spatial: int = key(
        1, "Devices that share the rows of each image; needs `pjit` if more than 1.", at_least=1
    )
    shard_optimizer: bool = key(
        False, "Shard moments and EMA over the devices instead of copying them; needs `pjit`."
    )
    batch_size: int = key(64, "Examples per minibatch, over all devices.", at_least=1)
    accumulate_steps: int = key(
        1,
        "Parts in which a device's batch is run, one after another, to save memory. Batch norm "
        "uses the statistics of each part.",
        at_least=1,
    )
    num_epochs: float = key(50.0, "Passes over the training examples.", at_least=0)
    num_steps: int = key(0, "Length of the run in steps; 0: from `num_epochs`.", at_least=0)
    stop_after: str = key(
        "",
        "Time after which the run saves and leaves with exit code 75, such as `8h30m`, `45m` or "
        "seconds, counted from the start of the process; empty: none.",
    )
    restore_from: str = key(
        "",
        "Networks to start from (fine-tuning): a run's workdir or one of its `checkpoints/STEP`, a "
        "look file, or the name of a shipped look; local or gs://.",
    )
    restore_step: str = key(
        "newest", "Checkpoint of the workdir `restore_from`: `newest`, `best` or a step's number."
    )
    data: DataSettings = section(DataSettings())
    optimizers: PlayerOptimizers = section(PlayerOptimizers())
    ema_decay: float = key(
        0.0,
        "Decay of the generator's moving average, which then makes the images; 0: none.",
        at_least=0,
        below=1,
    )
    ema_warmup: bool = key(
        False, "Let the decay rise as (1 + step) / (10 + step), up to `ema_decay`."
    )
    max_nonfinite_steps: int = key(
        10, "Consecutive steps with a NaN or infinity after which the run stops.", at_least=1
    )
    trackers: tuple[Tracker, ...] = key(
        DEFAULT_TRACKERS,
        "Programs that show metrics and images beside `metrics.jsonl`: `tensorboard`, `wandb` "
        "(Weights & Biases, extra `wandb`).",
        choices=get_args(Tracker),
    )
    log_every_steps: int = key(50, "Steps between records of the losses.", at_least=1)
    sample_every_steps: int = key(
        500, "Steps between grids of held-out images or of fixed latents.", at_least=1
    )
    sample_scores: bool = key(
        False,
        "Write the discriminator's score, 0 to 1, over each image of a grid; for latents only.",
    )
    evaluate_every_steps: int = key(500, "Steps between scores on held-out images.", at_least=1)
    evaluate_pairs: int = key(
        32, "Held-out pairs in these scores; or held-out and as many generated images.", at_least=1
    )
    checkpoint_every_steps: int = key(500, "Steps between checkpoints.", at_least=1)
    checkpoints_kept: int = key(
        3, "Newest checkpoints that are kept, beside the best one.", at_least=1
    )
    keep_every_steps: int = key(
        0, "Steps between checkpoints that are kept for ever; 0: none.", at_least=0
    )
    best_metric: str = key(
        "psnr",
        "Score that decides which checkpoint is best. `_clean` needs a target whose grain is "
        "known.",
        choices=tuple(BEST_MODES),
    )
    on_disk_full: OnDiskFull = key(
        "continue",
        "`continue`: train on without that checkpoint; `stop`: end the run, as several processes "
        "always do.",
    )
    health: HealthSettings = section(HealthSettings())
    profile_steps: int = key(
        0, "Steps traced into WORKDIR/profile, after 10 of warm-up; 0: none.", at_least=0
    )

    def broken_rules(self, at: str) -> Iterator[str]:
        if self.stop_after:
            try:
                parse_duration(self.stop_after)
            except UserError as error:
                yield f"{at}stop_after={self.stop_after!r} {error}"
        if self.parallelism != "pjit":
            for name, without in (("spatial", 1), ("shard_optimizer", False)):
                if getattr(self, name) != without:
                    yield (
                        f"{at}{name}={getattr(self, name)} needs {at}parallelism='pjit', not "
                        f"{self.parallelism!r}; set it, or {at}{name}={without}"
                    )
        if self.data.size < ROWS_PER_SPATIAL_DEVICE * self.spatial:
            yield (
                f"{at}data.size={self.data.size} is too small for {at}spatial={self.spatial}: "
                f"each device needs {ROWS_PER_SPATIAL_DEVICE} rows or more of an image"
            )
        for player, adam in sections_of(self.optimizers).items():
            warmup = getattr(adam, "warmup_steps", 0)
            if 0 < self.num_steps <= warmup:
                yield (
                    f"{at}optimizers.{player}.warmup_steps={warmup} must be less than the run's "
                    f"{self.num_steps} steps"
                )


@dataclass(frozen=True)
class PairRunConfig(RunConfig):
    """The keys of every run of a family that learns from pairs."""

    best_metric: str = with_default(RunConfig, "best_metric", "psnr", tuple(METRICS_OF_PAIRS))

    def broken_rules(self, at: str) -> Iterator[str]:
        yield from super().broken_rules(at)
        if self.sample_scores:
            yield (
                f"{at}sample_scores=True: family {self.family!r} learns from pairs, and its "
                "discriminators judge no image alone; set it to False"
            )


@dataclass(frozen=True)
class LatentGeneratorSettings(Section):
    """The generator."""

    latent_size: int = key(100, "Entries of a latent, each standard normal.", at_least=1)


@dataclass(frozen=True)
class LatentRunConfig(RunConfig):
    """The keys of every run of a family that generates images from latents."""

    precision: ActivationPrecision = with_default(RunConfig, "precision", "f32")
    data: DataSettings = section(DataSettings(path="shapes", look="", size=64, threads=2))
    generator: LatentGeneratorSettings = section(LatentGeneratorSettings())
    evaluate_pairs: int = with_default(RunConfig, "evaluate_pairs", 500)
    best_metric: str = with_default(
        RunConfig, "best_metric", "feature_distance", tuple(METRICS_OF_IMAGES)
    )
    # Photographs bloom; drawings on white have no highlights.
    health: HealthSettings = section(HealthSettings.without("blooming"))
