"""GIF, first frame only; never written, since 256 colours do not hold a photo."""

import io

from PIL.GifImagePlugin import GifImageFile

from cinegan_jax.photos.photo import Opened, Picture
from cinegan_jax.photos.pillow_image import samples_of


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    image = GifImageFile(io.BytesIO(data))

    def decode() -> Picture:
        samples, space, alpha = samples_of(image)
        notes = ("has several frames; the first is taken",) if image.is_animated else ()
        return Picture(samples, space, alpha, notes=notes)

    return Opened("gif", image.width, image.height, decode)
