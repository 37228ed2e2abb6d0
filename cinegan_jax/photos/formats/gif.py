"""GIF, first frame only. It is never written: 256 colours are too few for a photo."""

import io

from PIL.GifImagePlugin import GifImageFile

from cinegan_jax.photos.container_limits import check_gif
from cinegan_jax.photos.gif_metadata import read_gif_metadata
from cinegan_jax.photos.photo import OpenedImage, StoredImage
from cinegan_jax.photos.pillow_image import samples_of


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a GIF file (see `registry.FormatModule`)."""
    check_gif(data)
    image = GifImageFile(io.BytesIO(data))

    def decode() -> StoredImage:
        samples, space, alpha = samples_of(image)
        notes = ("has several frames; the first is used",) if image.is_animated else ()
        found = read_gif_metadata(data)
        return StoredImage(
            samples, space, alpha, metadata=found.metadata, notes=notes + found.notes
        )

    return OpenedImage("gif", image.width, image.height, decode)
