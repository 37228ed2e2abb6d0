"""`cinegan collect`. Heavy imports wait in the commands."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cinegan_jax.core.errors import UserError, how_to_install

collect_app = typer.Typer(no_args_is_help=True)

STOPPED = 130
"""The exit code after Ctrl-C, as shells have it."""

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The collection's.")]
Contact = Annotated[
    str,
    typer.Option(help="Your mail address or page, which servers are told; some insist on one."),
]
Delay = Annotated[
    float,
    typer.Option(
        min=0, help="Seconds between requests to a host; robots.txt's Crawl-delay if longer."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Requests under way at a time.")]
PerHost = Annotated[int, typer.Option(min=1, help="Of those, to one host.")]
Attempts = Annotated[int, typer.Option(min=1, help="For one address, where a failure may pass.")]
Patience = Annotated[
    float, typer.Option(min=0, help="The longest wait in seconds that a server may ask for.")
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that a server may be silent.")]


@collect_app.callback()
def collect() -> None:
    """Build a small collection of pictures from the web, honestly: list, download, clean.

    robots.txt is obeyed and hosts are asked slowly. Each step may be stopped at any moment, and the
    same command goes on. Whether you may use a picture, its licence says: see `collection.csv`.
    """


@collect_app.command("list")
def list_pictures(
    folder: Folder,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Addresses of pages, sitemaps or pictures; files with a picture's address in "
            "each line; sitemap files.",
        ),
    ],
    pages: Annotated[int, typer.Option(min=0, help="Pages and sitemaps read at most.")] = 1000,
    again: Annotated[
        bool, typer.Option("--again", help="Read pages again that have been read before.")
    ] = False,
    contact: Contact = "",
    delay: Delay = 1.0,
    jobs: Jobs = 8,
    per_host: PerHost = 2,
    attempts: Attempts = 4,
    patience: Patience = 600.0,
    timeout: Timeout = 30.0,
) -> None:
    """Find addresses of pictures, for FOLDER/addresses.jsonl.

    Of a page: its images, each in its largest size, the pictures it links to, and og:image. Pages
    of a sitemap are read; links to other pages are not followed. Exit code: 0 if all was read, 1
    if a source failed, 2 if nothing could be begun, 130 if stopped.
    """
    _require_packages()
    from cinegan_jax.collect import summary
    from cinegan_jax.collect.client import Client
    from cinegan_jax.collect.collection import Collection
    from cinegan_jax.collect.listing import Listing
    from cinegan_jax.collect.manners import Manners
    from cinegan_jax.collect.progress import progress_bar

    collection = Collection(folder)
    collection.make()
    client = Client(
        Manners(contact, delay, jobs, per_host, attempts, patience=patience, read_timeout=timeout)
    )
    stopped = False
    with collection.in_use(), progress_bar("Listing") as show:
        listing = Listing(collection, client, most_pages=pages, again=again, show=show)
        try:
            listing.run(sources)
        except KeyboardInterrupt:
            stopped = True
    _end(
        summary.of_listing(listing.outcome, collection.addresses),
        failed=bool(listing.outcome.failed),
        stopped=stopped,
    )


@collect_app.command("download")
def download_pictures(
    folder: Folder,
    retry_failures: Annotated[
        bool, typer.Option("--retry-failures", help="Only those of FOLDER/failures.jsonl.")
    ] = False,
    most_megabytes: Annotated[
        float, typer.Option(min=0, help="Larger pictures are not downloaded.")
    ] = 50.0,
    contact: Contact = "",
    delay: Delay = 1.0,
    jobs: Jobs = 8,
    per_host: PerHost = 2,
    attempts: Attempts = 4,
    patience: Patience = 600.0,
    timeout: Timeout = 30.0,
) -> None:
    """Download the listed pictures to FOLDER/pictures, each content once.

    JPEG, PNG, WebP and TIFF, under names made from their content. FOLDER/collection.csv tells whose
    they are. Exit code: 0 if every listed picture is there, 1 if any failed, 2 if nothing could be
    begun or the disk is full, 130 if stopped.
    """
    _require_packages()
    from cinegan_jax.collect import summary
    from cinegan_jax.collect.attribution import write_attribution
    from cinegan_jax.collect.client import Client
    from cinegan_jax.collect.collection import Collection
    from cinegan_jax.collect.download import Download
    from cinegan_jax.collect.manners import Manners
    from cinegan_jax.collect.progress import progress_bar

    collection = Collection(folder)
    collection.require()
    client = Client(
        Manners(contact, delay, jobs, per_host, attempts, patience=patience, read_timeout=timeout)
    )
    stopped = False
    with collection.in_use(), progress_bar("Downloading") as show:
        most_bytes = round(most_megabytes * 1e6)
        download = Download(
            collection, client, most_bytes=most_bytes, retry_failures=retry_failures, show=show
        )
        try:
            download.run()
        except KeyboardInterrupt:
            stopped = True
        outcome = download.outcome
        if not outcome.error:
            write_attribution(collection)
    lines = summary.of_download(outcome, download.left, collection.pictures, collection.failures)
    failed = bool(outcome.failed or outcome.failed_earlier)
    _end(lines, failed=failed, stopped=stopped, error=outcome.error)


@collect_app.command("clean")
def clean_pictures(
    folder: Folder,
    least_side: Annotated[
        int, typer.Option(min=1, help="Pixels of the shorter side; smaller ones are left out.")
    ] = 128,
    least_chroma: Annotated[
        float,
        typer.Option(
            min=0, help="0 to 255: less coloured ones are grey and left out; 0 lets all stay."
        ),
    ] = 12.0,
    distance: Annotated[
        int,
        typer.Option(
            min=-1,
            max=64,
            help="Bits of 64 in which the perceptual hashes of near-duplicates differ at most; "
            "-1 lets all stay.",
        ),
    ] = 6,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Threads.")] = os.cpu_count()
    or 1,
) -> None:
    """Sort out broken, small, grey and doubled pictures of FOLDER/pictures.

    Nothing is deleted: they are moved to FOLDER/rejected, FOLDER/rejected.jsonl says why, and they
    come back when other limits let them. Of near-duplicates the largest stays. Then
    FOLDER/pictures is for `cinegan prepare`. Exit code: 0, 2 if nothing could be begun, 130 if
    stopped.
    """
    _require_packages()
    from cinegan_jax.collect import summary
    from cinegan_jax.collect.attribution import write_attribution
    from cinegan_jax.collect.clean import Limits, clean
    from cinegan_jax.collect.collection import Collection
    from cinegan_jax.collect.progress import progress_bar

    collection = Collection(folder)
    collection.require()
    limits = Limits(least_side, least_chroma, distance)
    with collection.in_use():
        try:
            with progress_bar("Cleaning") as show:
                outcome = clean(collection, limits, jobs, show)
        except KeyboardInterrupt:
            _end([], failed=False, stopped=True)
        write_attribution(collection)
    lines = summary.of_cleaning(outcome, collection.pictures, collection.rejections)
    _end(lines, failed=False, stopped=False)


def _require_packages() -> None:
    for package in ("bs4", "defusedxml", "imagehash", "protego", "requests"):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"the package {package} is missing: {how_to_install('collect')}")


def _end(lines: Iterable[str], *, failed: bool, stopped: bool, error: str = "") -> NoReturn:
    for line in lines:
        typer.echo(line)
    if error:
        raise UserError(error)
    if stopped:
        typer.echo("Stopped. The same command goes on from here.", err=True)
        raise typer.Exit(STOPPED)
    raise typer.Exit(int(failed))
