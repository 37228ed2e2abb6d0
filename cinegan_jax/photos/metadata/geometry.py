"""Positions and sizes in a photo after it is turned upright and resized, in closed form."""

from dataclasses import dataclass

Lengths = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, width, height."""


@dataclass(frozen=True)
class FrameChange:
    """A turn by an EXIF orientation, followed by a change of size.

    Relative coordinates are fractions of width and height, from the upper left corner.
    """

    orientation: int
    """1..8 (EXIF 2.32, 4.6.4)."""
    width: int
    """Width in pixels before the turn."""
    height: int
    new_width: int
    """Width in pixels after turn and change of size."""
    new_height: int

    @property
    def changes(self) -> bool:
        """True if anything moves or is scaled."""
        return self.turns or (self.width, self.height) != (self.new_width, self.new_height)

    @property
    def turns(self) -> bool:
        """True if the photo is rotated or mirrored."""
        return self.orientation != 1

    @property
    def sideways(self) -> bool:
        """True if width and height are exchanged."""
        return self.orientation >= 5

    @property
    def scale(self) -> Lengths:
        """New pixels per turned pixel, horizontally and vertically."""
        width, height = self.exchanged(self.width, self.height)
        return self.new_width / width, self.new_height / height

    def exchanged(self, horizontal: float, vertical: float) -> Lengths:
        """Return lengths along both axes after the turn."""
        return (vertical, horizontal) if self.sideways else (horizontal, vertical)

    def lengths(self, horizontal: float, vertical: float) -> Lengths:
        """Return lengths in pixels along both axes."""
        turned, scale = self.exchanged(horizontal, vertical), self.scale
        return turned[0] * scale[0], turned[1] * scale[1]

    def point(self, x: float, y: float) -> Lengths:
        """Return a point in relative coordinates."""
        x, y = self.exchanged(x, y)
        return (
            1 - x if self.orientation in (2, 3, 6, 7) else x,
            1 - y if self.orientation in (3, 4, 7, 8) else y,
        )

    def box(self, left: float, top: float, width: float, height: float) -> Box:
        """Return a box in relative coordinates."""
        x, y = self.point(left + width / 2, top + height / 2)
        width, height = self.exchanged(width, height)
        return x - width / 2, y - height / 2, width, height

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        """Return the column and row of the pixel that shows what pixel (x, y) did."""
        across, down = self.point((x + 0.5) / self.width, (y + 0.5) / self.height)
        return (
            min(int(across * self.new_width), self.new_width - 1),
            min(int(down * self.new_height), self.new_height - 1),
        )

    def pixel_point(self, x: float, y: float) -> Lengths:
        """Return a point given in pixels from the corner of the photo."""
        across, down = self.point(x / self.width, y / self.height)
        return across * self.new_width, down * self.new_height
