"""Windows bitmaps. They hold no metadata, profile or alpha."""

import io

from PIL.BmpImagePlugin import BmpImageFile

from cinegan_jax.photos.photo import OpenedImage, StoredImage
from cinegan_jax.photos.pillow_image import image_of, over_white, samples_of


def open_file(data: bytes) -> OpenedImage:
    """Read the header of a BMP file (see `registry.FormatModule`)."""
    image = BmpImageFile(io.BytesIO(data))

    def decode() -> StoredImage:
        samples, space, alpha = samples_of(image)
        return StoredImage(samples, space, alpha, dpi=image.info.get("dpi"))

    return OpenedImage("bmp", image.width, image.height, decode)


def encode(image: StoredImage, quality: int | None) -> bytes:
    """Return a BMP file; lossless, so `quality` is ignored."""
    file = io.BytesIO()
    image_of(over_white(image)).save(file, "bmp", dpi=image.dpi or (0, 0))
    return file.getvalue()
