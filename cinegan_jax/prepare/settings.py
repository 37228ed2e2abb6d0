"""Settings of `cinegan prepare`."""

import dataclasses
import math

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.pairs import ANY_NAME
from cinegan_jax.data.transforms import RESIZES

SIDES = ("ab", "ba")
"""Places of input (a) and target (b) in an image that holds both."""


@dataclasses.dataclass(frozen=True)
class PrepareSettings:
    """How photos are prepared.

    Attributes:
      look: for photos, a film look or LUT file (see `load_recipe`); for pairs, the folder of the
        target images, or empty for `target`.
      size: pixels of the short side (`crop`) or of both sides.
      resize: one of `RESIZES`.
      test_fraction: share held out where the source does not define splits.
      variants: number of versions of each training photo: one unchanged, the others in different
        light.
      grain: if True, rendered images have grain.
      halation: strength of the glow around highlights, as a factor of the look's; 0: none.
      images: if True, images are prepared as they are, without a partner.
      check_alignment: if True, pairs whose images show different scenes, or are shifted, are left
        out.
      targets: folder of the target images of the pairs, where the source holds the inputs alone.
      input_name: file name of an input without ending; `{}` is the name of the pair.
      target_name: file name of a target without ending.
      side_by_side: for images that hold both sides of a pair, `ab`: the input is left, or `ba`.
    """

    look: str = ""
    size: int = 512
    resize: str = "crop"
    test_fraction: float = 0.1
    variants: int = 1
    grain: bool = True
    halation: float = 1.0
    images: bool = False
    check_alignment: bool = True
    targets: str = ""
    input_name: str = ANY_NAME
    target_name: str = ANY_NAME
    side_by_side: str = ""

    @property
    def kind(self) -> str:
        """Kind of the examples: `pairs` or `images`."""
        return "images" if self.images else "pairs"

    @property
    def renders_plainly(self) -> bool:
        """True if no setting is changed that applies to rendered film looks only."""
        return self.variants == 1 and self.grain and self.halation == 1

    def check(self) -> None:
        """Raise UserError if a setting is out of range."""
        if self.resize not in RESIZES:
            raise UserError(f"no --resize {self.resize!r}: choose one of {', '.join(RESIZES)}")
        if self.size < 1:
            raise UserError(f"--size is {self.size}: it must be 1 or more")
        if not 0 <= self.test_fraction < 1:
            raise UserError(f"--test-fraction is {self.test_fraction}: it must be in 0 ... 1")
        if self.variants < 1:
            raise UserError(f"--variants is {self.variants}: it must be 1 or more")
        if not 0 <= self.halation < math.inf:
            raise UserError(f"--halation is {self.halation}: it must be 0 or more")
        if self.side_by_side not in ("", *SIDES):
            raise UserError(
                f"no --side-by-side {self.side_by_side!r}: choose one of {', '.join(SIDES)}"
            )
        for option, name in (("input", self.input_name), ("target", self.target_name)):
            if name.count("{}") != 1:
                raise UserError(f"--{option}-name {name!r} must contain {{}} once")
        if self.images and (self.look or not self.renders_plainly):
            raise UserError(
                "--images prepares images as they are: it cannot be combined with --look, "
                "--variants, --no-grain or --halation"
            )
