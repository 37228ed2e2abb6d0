"""`cinegan collect`: the three commands. Heavy imports happen inside them."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cinegan_jax.core.errors import UserError, how_to_install

collect_app = typer.Typer(no_args_is_help=True)

STOPPED = 130
"""Exit code after Ctrl-C, as in shells."""

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the collection.")]
Contact = Annotated[
    str,
    typer.Option(help="Your mail address or page, sent to servers; some require it."),
]
Delay = Annotated[
    float,
    typer.Option(
        min=0, help="Seconds between requests to a host; a longer Crawl-delay in robots.txt wins."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Maximum concurrent requests.")]
PerHost = Annotated[int, typer.Option(min=1, help="Maximum concurrent requests to one host.")]
Attempts = Annotated[
    int, typer.Option(min=1, help="Maximum attempts per address after transient failures.")
]
Patience = Annotated[
    float, typer.Option(min=0, help="Longest wait in seconds that a server may ask for.")
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that a server may be silent.")]


@collect_app.callback()
def collect() -> None:
    """Build a small image collection from the web: list, download, clean.

    robots.txt is obeyed and requests are slow. Each step may be stopped at any moment; the same
    command continues it. Check the licences in `collection.csv` before you use an image.
    """


@collect_app.command("list")
def list_images(
    folder: Folder,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCES...",
            help="Addresses of pages, sitemaps or images; files with one image address per "
            "line; sitemap files.",
        ),
    ],
    pages: Annotated[int, typer.Option(min=0, help="Maximum pages and sitemaps to read.")] = 1000,
    again: Annotated[
        bool, typer.Option("--again", help="Also read pages that have been read before.")
    ] = False,
    contact: Contact = "",
    delay: Delay = 1.0,
    jobs: Jobs = 8,
    per_host: PerHost = 2,
    attempts: Attempts = 4,
    patience: Patience = 600.0,
    timeout: Timeout = 30.0,
) -> None:
    """List image addresses in FOLDER/addresses.jsonl.

    A page yields its images, each in its largest size, the images it links to, and og:image. The
    pages of a sitemap are read; links to other pages are not followed. Exit code: 0 if everything
    was read, 1 if a source failed, 2 if nothing could start, 130 if stopped.
    """
    _require_packages()
    from cinegan_jax.collect.client import Client
    from cinegan_jax.collect.listing import Listing
    from cinegan_jax.collect.politeness import Politeness
    from cinegan_jax.collect.records import Collection
    from cinegan_jax.collect.report import listing_summary, progress_bar

    collection = Collection(folder)
    collection.make()
    client = Client(
        Politeness(
            contact, delay, jobs, per_host, attempts, patience=patience, read_timeout=timeout
        )
    )
    stopped = False
    with collection.in_use(), progress_bar("Listing") as show:
        listing = Listing(collection, client, max_pages=pages, again=again, show=show)
        try:
            listing.run(sources)
        except KeyboardInterrupt:
            stopped = True
    result = listing.result
    _end(listing_summary(result, collection), failed=bool(result.failed), stopped=stopped)


@collect_app.command("download")
def download_images(
    folder: Folder,
    retry_failures: Annotated[
        bool, typer.Option("--retry-failures", help="Download only FOLDER/failures.jsonl.")
    ] = False,
    most_megabytes: Annotated[
        float, typer.Option(min=0, help="Size limit; larger images are not downloaded.")
    ] = 50.0,
    contact: Contact = "",
    delay: Delay = 1.0,
    jobs: Jobs = 8,
    per_host: PerHost = 2,
    attempts: Attempts = 4,
    patience: Patience = 600.0,
    timeout: Timeout = 30.0,
) -> None:
    """Download the listed images to FOLDER/pictures, each content once.

    JPEG, PNG, WebP and TIFF are kept, under names derived from their content. FOLDER/collection.csv
    names the sources and owners. Exit code: 0 if every listed image is there, 1 if any failed, 2 if
    nothing could start or the disk is full, 130 if stopped.
    """
    _require_packages()
    from cinegan_jax.collect.client import Client
    from cinegan_jax.collect.download import Download
    from cinegan_jax.collect.politeness import Politeness
    from cinegan_jax.collect.records import Collection
    from cinegan_jax.collect.report import download_summary, progress_bar

    collection = Collection(folder)
    collection.require()
    client = Client(
        Politeness(
            contact, delay, jobs, per_host, attempts, patience=patience, read_timeout=timeout
        )
    )
    max_bytes = round(most_megabytes * 1e6)
    stopped = False
    with collection.in_use(), progress_bar("Downloading") as show:
        download = Download(
            collection, client, max_bytes=max_bytes, retry_failures=retry_failures, show=show
        )
        try:
            download.run()
        except KeyboardInterrupt:
            stopped = True
        result = download.result
        if not result.error:
            collection.write_table()
    lines = download_summary(result, download.left, collection)
    failed = bool(result.failed or result.failed_earlier)
    _end(lines, failed=failed, stopped=stopped, error=result.error)


@collect_app.command("clean")
def clean_images(
    folder: Folder,
    least_side: Annotated[
        int, typer.Option(min=1, help="Minimum length of the shorter side in pixels.")
    ] = 128,
    least_chroma: Annotated[
        float,
        typer.Option(min=0, help="Minimum chroma, 0 to 255, below which an image is grey; 0: off."),
    ] = 12.0,
    distance: Annotated[
        int,
        typer.Option(
            min=-1,
            max=64,
            help="Maximum differing bits, of 64, in the perceptual hashes of near-duplicates; "
            "-1: off.",
        ),
    ] = 6,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Threads.")] = os.cpu_count()
    or 1,
) -> None:
    """Move broken, small, grey and near-duplicate images out of FOLDER/pictures.

    Nothing is deleted: they are moved to FOLDER/rejected, FOLDER/rejected.jsonl gives the reasons,
    and other limits bring them back. Of near-duplicates the largest stays. Then pass
    FOLDER/pictures to `cinegan prepare`. Exit code: 0, 2 if nothing could start, 130 if stopped.
    """
    _require_packages()
    from cinegan_jax.collect.clean import ImageLimits, clean
    from cinegan_jax.collect.records import Collection
    from cinegan_jax.collect.report import cleaning_summary, progress_bar

    collection = Collection(folder)
    collection.require()
    limits = ImageLimits(least_side, least_chroma, distance)
    with collection.in_use():
        try:
            with progress_bar("Cleaning") as show:
                result = clean(collection, limits, jobs, show)
        except KeyboardInterrupt:
            _end([], failed=False, stopped=True)
        collection.write_table()
    _end(cleaning_summary(result, collection), failed=False, stopped=False)


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
        typer.echo("Stopped. Run the same command to continue.", err=True)
        raise typer.Exit(STOPPED)
    raise typer.Exit(int(failed))
