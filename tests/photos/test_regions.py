"""Positions in metadata follow the pixels, seen as the bright box that they frame."""

import io
from typing import Any, NamedTuple
from xml.etree import ElementTree

import exiv2
import numpy as np
import pytest
from image_files import saved
from PIL import Image

from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.metadata import Metadata, at_new_size
from cinegan_jax.photos.read import read_photo

WIDTH, HEIGHT = 48, 32
LEFT, TOP, BOX_WIDTH, BOX_HEIGHT = 6, 4, 12, 8
NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "ext": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
}


class Frame(NamedTuple):
    """A box in a photo, in pixels."""

    width: int
    height: int
    left: float
    top: float
    box_width: float
    box_height: float


STORED = Frame(WIDTH, HEIGHT, LEFT, TOP, BOX_WIDTH, BOX_HEIGHT)


def packet(body: str) -> bytes:
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in NAMES.items() if name != "rdf")
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{NAMES["rdf"]}">'
        f'<rdf:Description rdf:about="" {spaces}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def mwg(frame: Frame, applied: tuple[int, int]) -> str:
    """Face region of the Metadata Working Group: the centre of the box and its size."""
    x = (frame.left + frame.box_width / 2) / frame.width
    y = (frame.top + frame.box_height / 2) / frame.height
    return (
        '<mwg-rs:Regions rdf:parseType="Resource">'
        f'<mwg-rs:AppliedToDimensions stDim:w="{applied[0]}" stDim:h="{applied[1]}"'
        ' stDim:unit="pixel"/><mwg-rs:RegionList><rdf:Bag>'
        '<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Anna</mwg-rs:Name>'
        f'<mwg-rs:Area stArea:x="{x}" stArea:y="{y}" stArea:w="{frame.box_width / frame.width}"'
        f' stArea:h="{frame.box_height / frame.height}" stArea:unit="normalized"/></rdf:li>'
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )


def others(frame: Frame) -> str:
    """Regions of Microsoft and the IPTC, a subject and a crop."""
    w, h, left, top, bw, bh = frame
    relative = (left / w, top / h, bw / w, bh / h)
    corners = [(left, top), (left + bw, top), (left + bw, top + bh)]
    vertices = "".join(f'<rdf:li ext:rbX="{x / w}" ext:rbY="{y / h}"/>' for x, y in corners)
    boundaries = (
        f"<ext:rbShape>rectangle</ext:rbShape><ext:rbUnit>pixel</ext:rbUnit><ext:rbX>{left}"
        f"</ext:rbX><ext:rbY>{top}</ext:rbY><ext:rbW>{bw}</ext:rbW><ext:rbH>{bh}</ext:rbH>",
        f"<ext:rbShape>polygon</ext:rbShape><ext:rbUnit>relative</ext:rbUnit><ext:rbVertices>"
        f"<rdf:Seq>{vertices}</rdf:Seq></ext:rbVertices>",
        f"<ext:rbShape>circle</ext:rbShape><ext:rbUnit>relative</ext:rbUnit><ext:rbX>"
        f"{(left + bw / 2) / w}</ext:rbX><ext:rbY>{(top + bh / 2) / h}</ext:rbY>"
        f"<ext:rbRx>{6 / w}</ext:rbRx>",
    )
    regions = "".join(
        '<rdf:li rdf:parseType="Resource"><ext:RegionBoundary rdf:parseType="Resource">'
        f"{boundary}</ext:RegionBoundary></rdf:li>"
        for boundary in boundaries
    )
    subject = "".join(f"<rdf:li>{n}</rdf:li>" for n in (left + 2, top + 1, 4, 2))
    crop = zip(
        ("Left", "Top", "Right", "Bottom"),
        (relative[0], relative[1], relative[0] + relative[2], relative[1] + relative[3]),
        strict=True,
    )
    return (
        '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>'
        f'<rdf:li MPReg:Rectangle="{", ".join(map(str, relative))}" MPReg:PersonDisplayName="A"/>'
        "</rdf:Bag></MPRI:Regions></MP:RegionInfo>"
        f"<ext:ImageRegion><rdf:Bag>{regions}</rdf:Bag></ext:ImageRegion>"
        f"<exif:SubjectArea><rdf:Seq>{subject}</rdf:Seq></exif:SubjectArea>"
        + "".join(f"<crs:Crop{side}>{value}</crs:Crop{side}>" for side, value in crop)
    )


def sideways(body: str, orientation: int) -> bytes:
    """A photo with a bright box, a subject in its EXIF, and XMP."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[TOP : TOP + BOX_HEIGHT, LEFT : LEFT + BOX_WIDTH] = 200
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = exif.get_ifd(0x8769)
    photo[0x9214] = (LEFT, TOP, 4, 2)
    photo[0xA214] = (LEFT, TOP)
    photo[0xA20E], photo[0xA20F] = 100.0, 300.0
    return saved(Image.fromarray(pixels), "webp", lossless=True, exif=exif, xmp=packet(body))


def developed(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    photo = read_photo(data, max_pixels=10**6)
    return encode_photo(photo, photo.pixels), photo.source.notes


def seen_frame(data: bytes) -> tuple[Frame, Image.Image]:
    """Find the bright box in a file."""
    image = Image.open(io.BytesIO(data))
    rows, columns = np.nonzero(np.asarray(image.convert("L")) > 100)
    left, top = int(columns.min()), int(rows.min())
    size = int(columns.max()) + 1 - left, int(rows.max()) + 1 - top
    return Frame(image.width, image.height, left, top, *size), image


def values(xmp: bytes) -> dict[str, list[str]]:
    """Attributes and texts of a packet by their local names, in document order."""
    found: dict[str, list[str]] = {}
    for element in ElementTree.fromstring(xmp.strip(b"\0")).iter():
        if element.text and element.text.strip():
            found.setdefault(local(element.tag), []).append(element.text)
        for name, value in element.attrib.items():
            found.setdefault(local(name), []).append(value)
    return found


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def numbers(found: dict[str, list[str]], *names: str) -> list[float]:
    return [float(found[name][0]) for name in names]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_frame_the_same_pixels_in_every_orientation(orientation: int) -> None:
    data, notes = developed(sideways(mwg(STORED, (WIDTH, HEIGHT)) + others(STORED), orientation))
    frame, image = seen_frame(data)
    assert notes == ()
    w, h, left, top, bw, bh = frame
    box = [left / w, top / h, bw / w, bh / h]
    centre = [(left + bw / 2) / w, (top + bh / 2) / h]
    found = values(image.info["xmp"])
    xmp = ElementTree.fromstring(image.info["xmp"].strip(b"\0"))
    area = next(e for e in xmp.iter() if local(e.tag) == "Area")
    size = next(e for e in xmp.iter() if local(e.tag) == "AppliedToDimensions")
    face = [float(area.attrib[f"{{{NAMES['stArea']}}}{name}"]) for name in "xywh"]
    np.testing.assert_allclose(face, [*centre, bw / w, bh / h], atol=1e-8)
    assert [int(size.attrib[f"{{{NAMES['stDim']}}}{name}"]) for name in "wh"] == [w, h]
    rectangle = [float(text) for text in found["Rectangle"][0].split(",")]
    np.testing.assert_allclose(rectangle, box, atol=1e-8)
    np.testing.assert_allclose(numbers(found, "rbX", "rbY", "rbW", "rbH"), frame[2:], atol=1e-6)
    polygon = [[float(found[f"rb{axis}"][n]) for axis in "XY"] for n in (1, 2, 3)]
    np.testing.assert_allclose(np.min(polygon, 0), box[:2], atol=1e-8)
    np.testing.assert_allclose(np.ptp(polygon, 0), box[2:], atol=1e-8)
    circle = [float(found[f"rb{axis}"][4]) for axis in "XY"]
    np.testing.assert_allclose([*circle, *numbers(found, "rbRx")], [*centre, 6 / w], atol=1e-8)
    crop = numbers(found, "CropLeft", "CropTop", "CropRight", "CropBottom")
    np.testing.assert_allclose(crop, [*box[:2], box[0] + box[2], box[1] + box[3]], atol=1e-8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_subject_is_the_same_pixel_in_every_orientation(orientation: int) -> None:
    data, _ = developed(sideways(others(STORED), orientation))
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    index[TOP, LEFT], index[TOP + 1, LEFT + 2] = 1, 2
    turned = turned_by_pillow(index, orientation)
    photo = Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769)
    corner = [int(n) for n in np.argwhere(turned == 1)[0][::-1]]
    lengths = [4, 2] if orientation < 5 else [2, 4]
    assert list(photo[0xA214]) == corner
    assert list(photo[0x9214]) == [*corner, *lengths]
    densities = [float(photo[tag]) for tag in (0xA20E, 0xA20F)]
    assert densities == ([100, 300] if orientation < 5 else [300, 100])
    xmp = exiv2.ImageFactory.open(data)
    xmp.readMetadata()
    in_xmp = xmp.xmpData()["Xmp.exif.SubjectArea"].toString()
    point = [int(n) for n in np.argwhere(turned == 2)[0][::-1]]
    assert in_xmp == ", ".join(map(str, point + lengths))


def turned_by_pillow(pixels: np.ndarray, orientation: int) -> np.ndarray:
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    image = Image.fromarray(pixels)
    return np.asarray(image if method is None else image.transpose(method))


def test_regions_of_a_heic_turn_with_the_pixels_that_its_decoder_turns() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[TOP : TOP + BOX_HEIGHT, LEFT : LEFT + BOX_WIDTH] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    body = packet(mwg(STORED, (WIDTH, HEIGHT)))
    heif.save(file, quality=-1, exif=exif.tobytes(), xmp=body)
    photo = read_photo(file.getvalue(), max_pixels=10**6)
    frame, image = seen_frame(encode_photo(photo, photo.pixels, EncodeOptions("png")))
    assert frame == Frame(HEIGHT, WIDTH, HEIGHT - TOP - BOX_HEIGHT, LEFT, BOX_HEIGHT, BOX_WIDTH)
    found = face(image.info["xmp"])
    centre = frame.left + frame.box_width / 2, frame.top + frame.box_height / 2
    np.testing.assert_allclose(found[:2], [centre[0] / frame.width, centre[1] / frame.height])


def face(xmp: bytes) -> list[float]:
    """Centre and size of the face region."""
    area = next(e for e in ElementTree.fromstring(xmp).iter() if local(e.tag) == "Area")
    return [float(area.attrib[f"{{{NAMES['stArea']}}}{name}"]) for name in "xywh"]


def test_regions_drawn_on_the_upright_photo_stay() -> None:
    """`AppliedToDimensions` of the other shape tells that a program had turned the photo."""
    upright = Frame(HEIGHT, WIDTH, HEIGHT - TOP - BOX_HEIGHT, LEFT, BOX_HEIGHT, BOX_WIDTH)
    data, _ = developed(sideways(mwg(upright, (HEIGHT, WIDTH)), 6))
    frame, image = seen_frame(data)
    assert frame == upright
    area = next(
        element
        for element in ElementTree.fromstring(image.info["xmp"].strip(b"\0")).iter()
        if local(element.tag) == "Area"
    )
    x, y = (float(area.attrib[f"{{{NAMES['stArea']}}}{name}"]) for name in "xy")
    centre = frame.left + frame.box_width / 2, frame.top + frame.box_height / 2
    np.testing.assert_allclose([x, y], [centre[0] / frame.width, centre[1] / frame.height])


@pytest.mark.parametrize(
    ("body", "name", "gone"),
    [
        (others(STORED) + "<crs:CropAngle>3.5</crs:CropAngle>", "crop of Camera Raw", "CropLeft"),
        ("<crs:RetouchAreas>x</crs:RetouchAreas>", "local corrections", "RetouchAreas"),
        ("<GDepth:Data>AAAA</GDepth:Data>", "depth map", "GDepth"),
        (
            mwg(STORED, (WIDTH, HEIGHT)).replace('stArea:x="', 'stArea:x="left '),
            "face regions",
            "stArea",
        ),
    ],
)
def test_what_cannot_turn_is_removed_with_a_note(body: str, name: str, gone: str) -> None:
    data, notes = developed(sideways(body, 8))
    assert [name in note for note in notes] == [True]
    assert gone.encode() not in Image.open(io.BytesIO(data)).info.get("xmp", b"")
    data, notes = developed(sideways(body, 1))
    assert notes == ()
    assert gone.encode() in Image.open(io.BytesIO(data)).info["xmp"]


def test_settings_that_are_applied_already_stay_as_a_record() -> None:
    body = "<crs:AlreadyApplied>True</crs:AlreadyApplied>" + others(STORED)
    data, notes = developed(sideways(body, 6))
    found = values(Image.open(io.BytesIO(data)).info["xmp"])
    assert numbers(found, "CropLeft", "CropTop") == [LEFT / WIDTH, TOP / HEIGHT]
    assert notes == ()


def test_a_subject_outside_the_photo_is_removed_with_a_note() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9214] = (2000, 1500, 10, 10)
    data, notes = developed(saved(Image.new("RGB", (40, 30)), "webp", exif=exif))
    assert 0x9214 not in Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769)
    assert "SubjectArea" in notes[0]


def test_sizes_follow_a_new_size() -> None:
    body = mwg(STORED, (WIDTH, HEIGHT)) + others(STORED)
    photo = read_photo(sideways(body, 1), max_pixels=10**6)
    metadata, notes = at_new_size(photo.source.metadata, WIDTH, HEIGHT, WIDTH * 3, HEIGHT * 3)
    assert notes == ()
    found = values(metadata.xmp)
    assert numbers(found, "rbX", "rbY", "rbW", "rbH") == [18, 12, 36, 24]
    assert (f'stDim:w="{WIDTH * 3}"'.encode(), b'stDim:h="96"') == (
        next(part for part in metadata.xmp.split() if part.startswith(b"stDim:w")).rstrip(b"/>"),
        next(part for part in metadata.xmp.split() if part.startswith(b"stDim:h")).rstrip(b"/>"),
    )
    exif = Image.Exif()
    exif.load(metadata.exif)
    photo_tags: dict[int, Any] = exif.get_ifd(0x8769)
    assert list(photo_tags[0x9214]) == [LEFT * 3 + 1, TOP * 3 + 1, 12, 6]
    assert float(photo_tags[0xA20E]) == 300


def test_no_metadata_needs_no_change() -> None:
    assert at_new_size(Metadata(), 4, 3, 8, 6) == (Metadata(), ())
