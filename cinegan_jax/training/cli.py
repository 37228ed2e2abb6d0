"""`cinegan train`. Heavy imports wait in the command."""

from typing import Annotated

import typer

from cinegan_jax.core.cli_options import ConfigOption, SetOption

PROCESSES = "Several processes"


def train_command(
    config: ConfigOption,
    workdir: Annotated[
        str,
        typer.Option("--workdir", "-w", metavar="FOLDER", help="The run's folder, local or gs://."),
    ],
    overrides: SetOption = None,
    stop_after: Annotated[
        str | None,
        typer.Option(
            "--stop-after",
            "--stop_after",
            metavar="8h30m|45m|SECONDS",
            help="Save and leave with exit code 75 within this time, counted from the start.",
        ),
    ] = None,
    coordinator_address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of process 0. JAX finds it on TPU slices, GKE, Slurm and Open MPI.",
            rich_help_panel=PROCESSES,
        ),
    ] = None,
    num_processes: Annotated[
        int | None,
        typer.Option(
            help="Number of processes; 1: this one trains alone, whatever cluster there is.",
            rich_help_panel=PROCESSES,
        ),
    ] = None,
    process_id: Annotated[
        int | None,
        typer.Option(help="Number of this process, from 0.", rich_help_panel=PROCESSES),
    ] = None,
    initialization_timeout_seconds: Annotated[
        int,
        typer.Option(
            min=1, help="How long to wait for the others to start.", rich_help_panel=PROCESSES
        ),
    ] = 300,
    heartbeat_timeout_seconds: Annotated[
        int,
        typer.Option(
            min=1, help="Silence after which a process counts as gone.", rich_help_panel=PROCESSES
        ),
    ] = 100,
) -> None:
    """Train a config. The same command resumes from the newest checkpoint.

    Exit code: 0 when the run is finished, 2 where you must fix something, 3 when an alarm of the
    run's health stopped it, 4 where the last checkpoint could not be saved, 75 after SIGTERM or
    --stop-after and 130 after Ctrl-C (all save a checkpoint first), 1 after a crash.
    """
    from cinegan_jax.config.load import load_config
    from cinegan_jax.core.storage import open_path
    from cinegan_jax.training.launch import ClusterOptions, launch
    from cinegan_jax.training.run import Run
    from cinegan_jax.training.train import run_training

    limit = [] if stop_after is None else [f"stop_after={stop_after}"]
    loaded = load_config(config, [*(overrides or ()), *limit])
    options = ClusterOptions(
        coordinator_address,
        num_processes,
        process_id,
        initialization_timeout_seconds,
        heartbeat_timeout_seconds,
    )

    def work() -> int:
        return run_training(Run(loaded), open_path(workdir))

    raise typer.Exit(launch(work, options, saves_on_sigterm=True))
