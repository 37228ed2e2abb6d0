"""The keys of every run and those of CineGAN; the values are its published training run.

The other files here change what they need, and add the keys of other families. On the command
line: --config.batch_size=16, --config.generator.width=32.
"""

import ml_collections


def published() -> ml_collections.ConfigDict:
    """The published system, on however many devices there are."""
    c = of_every_family()
    c.family = "cinegan"

    c.generator = ml_collections.ConfigDict()
    c.generator.width = 64  # channels at full size
    c.generator.num_blocks = 9  # residual blocks
    c.generator.residual = False  # output = input + change
    c.generator.colour_path = 0  # channels of 1x1 convolutions past all normalisation; 0: none
    c.generator.glow_path = 0  # channels of light that spreads, into the colour path; 0: none
    c.generator.colour_table = 0  # nodes an axis of a LUT fitted before the first step; 0: none
    c.generator.norm = "instance"  # instance: over the picture; layer: over a pixel's channels

    c.discriminator = ml_collections.ConfigDict()
    c.discriminator.width = 64  # channels of the first layer, in both discriminators

    c.losses = ml_collections.ConfigDict()  # factors of the generator's terms; 0: not computed
    c.losses.adversarial = 1.0
    c.losses.feature_matching = 10.0
    c.losses.perceptual = 2.0  # needs vgg19_file
    c.losses.total_variation = 0.0
    c.losses.l1 = 0.0  # of signed values
    c.losses.lab = 0.0  # delta E 76; 1 weighs about as much as 70 of l1
    c.losses.histogram = 0.0  # of each channel's values in a picture, wherever they are
    c.vgg19_file = "vgg19.safetensors"  # made by `cinegan convert vgg19`; may be gs://

    c.perceptual_layers = ml_collections.ConfigDict()  # weights of VGG19's layers; 0: left out
    for block, convolutions in enumerate((2, 2, 4, 2), start=1):
        for i in range(1, convolutions + 1):
            c.perceptual_layers[f"block{block}_conv{i}"] = 0.0
    c.perceptual_layers.block4_conv2 = 1.0
    return c


def of_every_family() -> ml_collections.ConfigDict:
    """The keys that every run has; its family adds its own."""
    c = ml_collections.ConfigDict()
    c.family = ""  # the kind of GAN: cinegan, dcgan or image_gan
    c.seed = 0  # of the networks, the shuffle, the crops and the flips
    c.precision = "bf16"  # bf16: bfloat16 networks, float32 masters and losses; f32: all float32
    c.parallelism = "pmap"  # pmap; pjit: one program over a mesh of all devices; jit: one device
    c.spatial = 1  # pjit: devices that share each picture's rows, for pictures too large for one
    c.shard_optimizer = False  # pjit: spread moments and EMA over the devices instead of copying
    c.batch_size = 64  # examples a minibatch, over all devices; a step has one, see c.adversarial
    c.accumulate_steps = 1  # parts a device's batch is run in, one after another, to save memory;
    # batch norm takes its statistics of each part
    c.num_epochs = 50.0  # passes over the training examples
    c.num_steps = 0  # length of the run in steps; 0: as num_epochs says
    c.restore_from = ""  # workdir of a run whose networks to start from (fine-tuning); may be gs://

    c.data = ml_collections.ConfigDict()
    c.data.path = "FilmSet"  # like FilmSet or of `cinegan prepare`, here or gs://; or "samples";
    # of families that learn from pictures also any folder of pictures, or "shapes", drawn ones
    c.data.cache = "~/.cache/cinegan"  # local folder for copies of shards that lie in a bucket
    c.data.look = "ClassNeg"  # of pairs: folder name of the look; for "samples" a film look
    c.data.size = 512  # pixels, height and width of what the networks train on
    c.data.crop = "squash"  # squash: all of it, aspect lost; crop: random crop, aspect kept;
    # short_side: reduced to the short side before that; centre: the middle square, reduced
    c.data.threads = 4  # threads that read and decode
    c.data.corrupt_ceiling = 0.01  # share of unreadable examples at which the run stops

    c.adversarial = ml_collections.ConfigDict()  # see docs/stabilisers.md
    c.adversarial.loss = "hinge"  # hinge, least_squares, logistic (the non-saturating one)
    c.adversarial.label_smoothing = (
        0.0  # discriminators' label of real is 1 less this; not of hinge
    )
    c.adversarial.label_flips = 0.0  # share of examples labelled the wrong way round; not of hinge
    c.adversarial.noise = (
        0.0  # deviation of the noise on what discriminators judge, in signed range
    )
    c.adversarial.noise_steps = 0  # steps in which it falls to zero; 0: it stays
    c.adversarial.augment = ""  # what changes what discriminators see: "colour,translation,cutout"
    c.adversarial.r1 = 0.0  # weight of the discriminators' squared slope at what is real
    c.adversarial.r1_every = 16  # steps from one such update to the next
    c.adversarial.discriminator_updates = 1  # a step; each draws batch_size examples of its own
    c.adversarial.generator_updates = 1  # a step; cinegan's players move together with 1 and 1, in
    # turn with more of either; those of the other families always in turn

    c.optimizers = ml_collections.ConfigDict()
    c.optimizers.generator = _adam(5e-5)
    c.optimizers.discriminator = _adam(1e-4)
    c.ema_decay = 0.0  # of the generator's average, which then makes the pictures; 0: none
    c.ema_warmup = False  # its decay rises as (1 + step) / (10 + step), up to ema_decay
    c.max_nonfinite_steps = 10  # steps in a row with a NaN or infinity before the run stops

    c.log_every_steps = 50
    c.sample_every_steps = 500  # grid of held-out pictures; of latents: of always the same ones
    c.sample_scores = (
        False  # how real the discriminator finds each picture of a grid, 0 to 1; of latents
    )
    c.evaluate_every_steps = 500  # scores on held-out pictures; decides which checkpoint is best
    c.evaluate_pairs = 32  # held-out pairs in those scores; pictures, and as many generated ones
    c.checkpoint_every_steps = 500
    c.checkpoints_kept = 3  # the newest ones; the best one is kept beside them
    c.best_metric = "psnr"  # psnr (higher is better), delta_e (lower is better); of families that
    # learn from pictures feature_distance or kernel_distance (lower is better)
    c.on_disk_full = "continue"  # continue: train on without that checkpoint; stop: end the run, as
    # several processes always do
    c.health = _health()
    c.profile_steps = 0  # steps traced into WORKDIR/profile, after 10 of warm-up; 0: none
    return c


def of_latents() -> ml_collections.ConfigDict:
    """The keys of families that make pictures of nothing but latents."""
    c = of_every_family()
    c.precision = "f32"
    c.data.path = "shapes"
    c.data.look = ""
    c.data.size = 64
    c.data.threads = 2

    c.generator = ml_collections.ConfigDict()
    c.generator.latent_size = 100  # entries of a latent, each standard normal
    c.batch_norm = "global"  # in training: statistics of the whole batch; replica: of each device's
    # part, with parallelism=pmap only
    c.adversarial.loss = "logistic"

    c.evaluate_pairs = 500
    c.best_metric = "feature_distance"
    c.health.blooming.action = "off"  # of photographs: drawings on white have no highlights
    return c


def _health() -> ml_collections.ConfigDict:
    """Signs of failure (docs/health.md): a check measures one step, and rules look at it."""
    health = ml_collections.ConfigDict()
    health.every_steps = 20  # how often; 0: never
    health.grace_steps = 200  # at the start, in which most rules see nothing
    health.lower_rate_factor = 0.5  # of a player's learning rate, at each action lower_rate
    health.max_rollbacks = 2  # actions rollback of a run, before it is stopped instead
    # A rule's action is off, warn, lower_rate, rollback (to the last healthy checkpoint) or stop;
    # its patience is the number of checks in a row that must show it.
    health.discriminator_overpowers = _rule(5, accuracy=0.98)  # share of right answers, or more
    health.discriminator_misled = _rule(5, accuracy=0.2)  # or less
    health.generator_gradient_vanishes = _rule(5, gradient_to_start=0.01, update_ratio=1e-9)
    health.collapse = _rule(3, distance_to_targets=0.3)  # of outputs, over that of targets, or less
    health.oscillation = _rule(2, ahead=0.9, behind=0.5, turns=4)  # of a discriminator's accuracy
    health.saturation = _rule(3, excess=0.2)  # share of values, beyond that of targets
    health.blooming = _rule(3, excess=0.03)  # share of burnt pixels, beyond that of targets
    health.colour_cast = _rule(5, delta=8.0)  # of a* and b*
    health.divergence = _rule(3, level_to_start=3.0, gradient_to_start=100.0)
    health.stalled_input = _rule(3, wait_share=0.3)  # of the time
    health.non_finite = _rule(1, steps=1)  # skipped since the check before
    return health


def _rule(patience: int, action: str = "warn", **limits: float) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict({"action": action, "patience": patience, **limits})


def _adam(learning_rate: float) -> ml_collections.ConfigDict:
    adam = ml_collections.ConfigDict()
    adam.learning_rate = learning_rate
    adam.beta1 = 0.0
    adam.beta2 = 0.9
    adam.epsilon = 1e-7  # Keras' default; optax's is 1e-8
    adam.schedule = "constant"  # constant; linear or cosine: to zero at the last step
    adam.warmup_steps = 0
    adam.clip_norm = 0.0  # largest gradient norm; 0: no clipping
    return adam
