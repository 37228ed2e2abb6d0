"""EXIF tags that describe how a TIFF or RAW file stores its pixels, rather than the photo."""

FILE_TAGS = frozenset(
    (
        *range(0x00FE, 0x0100),  # kind of image in the file
        *(0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0107, 0x0108, 0x0109, 0x010A),
        *(0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011C, 0x0120, 0x0121, 0x0122, 0x0123),
        *(0x0124, 0x0125, 0x012D, 0x013D, 0x013E, 0x013F, 0x0140, 0x0141, 0x0142, 0x0143, 0x0144),
        *(0x0145, 0x014A, 0x014C, 0x0152, 0x0153, 0x0154, 0x0155, 0x015B),
        *range(0x0200, 0x020A),  # JPEG tables and thumbnails
        *(0x0211, 0x0212, 0x0213, 0x0214),  # YCbCr
        *(0x02BC, 0x83BB, 0x8649, 0x8773, 0x935C),  # XMP, IPTC, Photoshop's blocks, ICC
        *(0x828D, 0x828E, 0x9216, 0x9217),  # colour filters of a sensor
    )
)
"""Tags of the first directory that describe how a TIFF or RAW file stores its pixels."""

DNG_PRIVATE_DATA = "Exif.Image.DNGPrivateData"
_FIRST_DNG_TAG = 0xC612
_LAYERS = 0x935C
_FILE_GROUPS = ("SubImage", "SubThumb", "Thumbnail", "Image2", "Image3", "PanasonicRaw", "MpfInfo")


def is_file_tag(key: str, tag: int) -> bool:
    """Return True if a tag describes the file rather than the photo."""
    group = key.split(".")[1]
    if group.startswith(_FILE_GROUPS):
        return True
    return group == "Image" and (tag in FILE_TAGS or tag >= _FIRST_DNG_TAG)


def lost_tag(key: str, tag: int, is_dng: bool) -> str:
    """Return what the user loses with a tag that is left out; empty for what nobody misses."""
    if not key.startswith("Exif.Image."):
        return ""
    if tag == _LAYERS:
        return "layers of Photoshop"
    return f"tag {tag}" if tag >= _FIRST_DNG_TAG and not is_dng else ""
