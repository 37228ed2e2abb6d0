"""Exposure and white balance that a user sets, and the linear transforms they stand for."""

from dataclasses import dataclass

import numpy as np

from cinegan_jax.core.errors import UserError

MAX_EXPOSURE = 5.0
"""Largest change of exposure in either direction, in EV."""
WHITE_BALANCES = ("camera", "daylight", "auto")
COLDEST, WARMEST = 25_000, 2_000
"""Range of colour temperatures, in kelvin."""

_D65 = (0.3127, 0.3290)
_XYZ_FROM_SRGB = np.array(  # IEC 61966-2-1
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True)
class Light:
    """Exposure and white balance, applied before the look."""

    exposure: float = 0.0
    """Change of exposure in EV: 1 doubles the light."""
    white_balance: str = "camera"
    """`camera`: as the file has it; `daylight`: the camera's daylight, for RAW; `auto`: the mean of
    the photo becomes neutral; or the colour temperature of the light in kelvin, such as `5500`."""

    def check(self) -> None:
        """Raise UserError if a value is out of range."""
        if not -MAX_EXPOSURE <= self.exposure <= MAX_EXPOSURE:
            raise UserError(
                f"exposure is {self.exposure:g} EV, but must be in {-MAX_EXPOSURE:g}.."
                f"{MAX_EXPOSURE:g}"
            )
        kelvin = self.kelvin
        if self.white_balance not in WHITE_BALANCES and kelvin is None:
            raise UserError(
                f"white balance is {self.white_balance!r}, but must be one of "
                f"{', '.join(WHITE_BALANCES)}, or a colour temperature in kelvin such as 5500"
            )
        if kelvin is not None and not WARMEST <= kelvin <= COLDEST:
            raise UserError(f"white balance is {kelvin} K, but must be in {WARMEST}..{COLDEST} K")

    @property
    def gain(self) -> float:
        """Factor of linear light."""
        return float(2.0**self.exposure)

    @property
    def kelvin(self) -> int | None:
        """Colour temperature, if the white balance is one."""
        text = self.white_balance.removesuffix("K").strip()
        return int(text) if text.isascii() and text.isdigit() else None


def white_of(kelvin: float) -> np.ndarray:
    """Return the linear sRGB colour [3] of the white of a colour temperature, of luminance 1.

    The white is CIE daylight from 4000 K upwards (CIE 15), and a black body below (Kang et al.
    2002).
    """
    return np.linalg.solve(_XYZ_FROM_SRGB, _xyz(*_chromaticity(kelvin)))


def neutralising(white: np.ndarray) -> np.ndarray:
    """Return the matrix [3, 3] on linear sRGB that makes `white` [3] neutral, by Bradford.

    The luminance of `white` is kept.
    """
    response = _BRADFORD @ _XYZ_FROM_SRGB @ white
    luminance = _XYZ_FROM_SRGB[1] @ white
    wanted = _BRADFORD @ _xyz(*_D65) * luminance
    adaptation = np.linalg.solve(_BRADFORD, np.diag(wanted / response) @ _BRADFORD)
    return np.linalg.solve(_XYZ_FROM_SRGB, adaptation @ _XYZ_FROM_SRGB)


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _chromaticity(kelvin: float) -> tuple[float, float]:
    powers = np.array([1e9 / kelvin**3, 1e6 / kelvin**2, 1e3 / kelvin, 1.0])
    if kelvin >= 4000:
        low = kelvin <= 7000
        x = powers @ (
            [-4.6070, 2.9678, 0.09911, 0.244063] if low else [-2.0064, 1.9018, 0.24748, 0.237040]
        )
        return float(x), float(-3 * x**2 + 2.87 * x - 0.275)
    x = powers @ [-0.2661239, -0.2343589, 0.8776956, 0.179910]
    curve = (
        [-1.1063814, -1.34811020, 2.18555832, -0.20219683]
        if kelvin <= 2222
        else [-0.9549476, -1.37418593, 2.09137015, -0.16748867]
    )
    return float(x), float(np.polyval(curve, x))
