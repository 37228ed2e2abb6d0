"""XMP properties about images and videos that follow a photo in its file."""

import exiv2

_NAMESPACES = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/dd/1.0/container/",
)
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_VIDEO = ("MotionPhoto", "MicroVideo")


def is_about_further_images(key: str) -> bool:
    """Return True if a property no longer holds when only the photo is kept.

    The caller holds `exiv.EXIV2`.
    """
    _, prefix, name = key.split(".", 2)
    namespace = exiv2.XmpProperties.ns(prefix)
    return namespace in _NAMESPACES or (namespace == _CAMERA and name.startswith(_VIDEO))
