"""The feature maps of networks that halve pictures down to 4x4, or double them up from it."""

SMALLEST = 4
"""Height and width of the smallest map."""


def feature_maps(size: int, width: int) -> list[int]:
    """Channels of the maps from half the size of pictures down to 4x4, each twice those before.

    Args:
        size: of the pictures, 8 or more, a power of two: 64 gives four maps, 128 one more.
        width: channels of the largest map.
    """
    return [width * 2**i for i in range((size // SMALLEST).bit_length() - 1)]
