"""Windows bitmaps; they hold neither metadata nor profiles nor alpha."""

import io

from PIL.BmpImagePlugin import BmpImageFile

from cinegan_jax.photos.photo import Opened, Picture
from cinegan_jax.photos.pillow_image import image_of, over_white, samples_of


def open_file(data: bytes) -> Opened:
    """See `registry.Format`."""
    image = BmpImageFile(io.BytesIO(data))

    def decode() -> Picture:
        samples, space, alpha = samples_of(image)
        return Picture(samples, space, alpha, dpi=image.info.get("dpi"))

    return Opened("bmp", image.width, image.height, decode)


def encode(picture: Picture, quality: int | None) -> bytes:
    """Exact; `quality` does not matter."""
    file = io.BytesIO()
    image = image_of(over_white(picture))
    image.save(file, "bmp", dpi=picture.dpi or (0, 0))
    return file.getvalue()
