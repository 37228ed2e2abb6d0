"""Gain maps, videos and further images after a JPEG, against libultrahdr and Pillow."""

import io
import struct

import exiv2
import imagecodecs
import numpy as np
import pytest
from image_files import exif_of, reread, saved
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from cinegan_jax.photos.encode import EncodeOptions, encode_photo, encode_with_notes
from cinegan_jax.photos.orientation import turned_upright
from cinegan_jax.photos.photo import Photo
from cinegan_jax.photos.read import read_photo

XMP = "http://ns.adobe.com/xap/1.0/\0"
HDRGM = (
    f'{XMP}<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    'hdrgm:GainMapMin="0" hdrgm:GainMapMax="2" hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="2" '
    'hdrgm:BaseRenditionIsHDR="False"/></rdf:RDF></x:xmpmeta>'
)
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(5000)


def _read(data: bytes) -> Photo:
    return read_photo(data, max_pixels=10**6)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def _with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def _with_xmp(jpeg: bytes, *descriptions: str) -> bytes:
    packet = (
        f'{XMP}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{''.join(descriptions)}</rdf:RDF></x:xmpmeta>"
    )
    return _with_segments(jpeg, _segment(0xE1, packet.encode()))


def _xmp_keys(data: bytes) -> dict[str, str]:
    image = exiv2.ImageFactory.open(data)
    image.readMetadata()
    return {datum.key(): datum.toString() for datum in image.xmpData()}


@pytest.fixture
def iso_photo() -> bytes:
    """An Ultra HDR photo with the parameters of ISO 21496-1, by libultrahdr."""
    light = np.ones((64, 96, 4), np.float16)
    light[..., :3] = np.linspace(0.05, 4, 96)[None, :, None] * np.array([1, 0.8, 0.6])
    light[:20, :, 1] *= 0.5
    return imagecodecs.ultrahdr_encode(light)


def _xmp_photo(blocks: np.ndarray, gain: bytes) -> bytes:
    """An Ultra HDR photo as Android writes it, without an index."""
    directory = (
        '<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
        'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0">'
        "<Container:Directory><rdf:Seq>"
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" '
        'Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource"><Container:Item '
        f'Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{len(gain)}"/></rdf:li>'
        "</rdf:Seq></Container:Directory></rdf:Description>"
    )
    return _with_xmp(saved(Image.fromarray(blocks), "jpeg", quality=95), directory) + gain


def _gain_jpeg(levels: np.ndarray, parameters: str = HDRGM) -> bytes:
    jpeg = saved(Image.fromarray(levels), "jpeg", quality=95)
    return _with_segments(jpeg, _segment(0xE1, parameters.encode()))


@pytest.fixture
def gain() -> bytes:
    return _gain_jpeg(np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1)))


def _hdr(data: bytes) -> np.ndarray:
    """The photo in linear light, of which 1 is the white of standard range."""
    return imagecodecs.ultrahdr_decode(data)[..., :3].astype(float)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_hdr_photo_stays_hdr_and_is_turned(iso_photo: bytes, orientation: int) -> None:
    turned = _with_segments(iso_photo, _segment(0xE1, exif_of(orientation).tobytes()))
    photo = _read(turned)
    encoded = encode_with_notes(photo, photo.pixels, EncodeOptions(quality=98))
    assert encoded.notes == photo.source.notes == ()
    expected = turned_upright(_hdr(iso_photo), orientation)
    assert expected.max() > 3
    assert np.abs(_hdr(encoded.data) - expected).mean() < 0.08


def test_the_gain_map_scales_the_developed_photo(iso_photo: bytes) -> None:
    photo = _read(iso_photo)
    darker = _hdr(encode_photo(photo, photo.pixels // 2))
    plain = _hdr(iso_photo)
    bright = plain.max(axis=-1) > 2
    ratio = darker[bright] / plain[bright]
    assert 0.15 < np.median(ratio) < 0.3  # (0.5) ** 2.2 = 0.22


def test_android_photos_keep_a_true_directory_and_index(blocks: np.ndarray, gain: bytes) -> None:
    data = _xmp_photo(blocks, gain)
    photo = _read(data)
    result = encode_photo(photo, photo.pixels)
    keys = _xmp_keys(result)
    assert keys["Xmp.hdrgm.Version"] == "1.0"
    lengths = [value for key, value in keys.items() if key.endswith("Item:Length")]
    assert lengths == [str(len(gain))]
    assert result.endswith(gain)
    assert sum("Item:Semantic" in key for key in keys) == 2
    image = MpoImageFile(io.BytesIO(result))
    assert image.n_frames == 2
    first, second = image.mpinfo[0xB002]
    assert first["Size"] == len(result) - len(gain)
    assert second["Size"] == len(gain)
    image.seek(1)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(reread(gain)))
    again = _read(result)
    assert encode_photo(again, again.pixels)[-len(gain) :] == gain


def test_android_photos_are_hdr_for_libultrahdr(blocks: np.ndarray, gain: bytes) -> None:
    photo = _read(_xmp_photo(blocks, gain))
    light = _hdr(encode_photo(photo, photo.pixels, EncodeOptions(quality=98)))
    plain = ((blocks / 255 + 0.055) / 1.055) ** 2.4
    boost = np.median(light[:, -16:] / plain[:, -16:])
    assert 2.5 < boost < 4.2  # 2 ** (2 x 230 / 255) = 3.5
    assert 0.9 < np.median(light[:, :8] / plain[:, :8]) < 1.3


def test_a_gain_map_is_left_out_with_a_note_where_it_does_not_fit(
    blocks: np.ndarray, gain: bytes
) -> None:
    photo = _read(_xmp_photo(blocks, gain))
    for format in ("png", "tiff", "webp"):
        encoded = encode_with_notes(photo, photo.pixels, EncodeOptions(format))
        assert "its gain map (HDR) is left out: only a JPEG keeps it" in encoded.notes
    png = encode_photo(photo, photo.pixels, EncodeOptions("png"))
    assert not any("hdrgm" in key or "Container" in key for key in _xmp_keys(png))
    in_colour = _read(_xmp_photo(blocks, _gain_jpeg(blocks)))
    grey = np.repeat(in_colour.pixels[..., 1:2], 3, axis=-1)
    encoded = encode_with_notes(in_colour, grey)
    assert encoded.notes == (
        "its gain map (HDR) is left out: it has colours, and the result is grey",
    )
    assert reread(encoded.data).format == "JPEG"


def test_a_gain_map_for_an_hdr_base_is_left_out(blocks: np.ndarray, gain: bytes) -> None:
    parameters = HDRGM.replace('IsHDR="False"', 'IsHDR="True"')
    data = _xmp_photo(blocks, _gain_jpeg(blocks[..., 0], parameters))
    photo = _read(data)
    assert photo.source.gain_map is None
    assert photo.source.notes == ("1 further image in the file left out",)


def test_the_video_of_a_motion_photo_is_left_out_with_its_xmp(blocks: np.ndarray) -> None:
    jpeg = saved(Image.fromarray(blocks), "jpeg")
    camera = 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    for properties in (
        f'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"',
        'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"',
    ):
        text = f'<rdf:Description {camera} {properties} GCamera:SpecialTypeID="x"/>'
        photo = _read(_with_xmp(jpeg, text) + VIDEO)
        assert photo.source.notes == ("the video of a motion photo is left out",)
        result = encode_photo(photo, photo.pixels)
        assert _xmp_keys(result) == {"Xmp.GCamera.SpecialTypeID": "x"}
        assert b"ftyp" not in result
    samsung = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + VIDEO + b"SEFH" + bytes(20) + b"SEFT"
    assert _read(jpeg + samsung).source.notes == ("the video of a motion photo is left out",)


def test_an_hdr_motion_photo_keeps_the_gain_map_alone(blocks: np.ndarray, gain: bytes) -> None:
    photo = _read(_xmp_photo(blocks, gain) + VIDEO)
    assert photo.source.notes == ("the video of a motion photo is left out",)
    assert encode_photo(photo, photo.pixels).endswith(gain)


def test_previews_are_silent_and_other_images_are_named(blocks: np.ndarray) -> None:
    pair = [Image.fromarray(blocks), Image.fromarray(blocks[:8, :8])]
    data = saved(pair[0], "mpo", save_all=True, append_images=pair[1:])
    assert _read(data).source.notes == ("1 further image in the file left out",)
    place = data.index(b"\0\0\x03\0", data.index(b"0100")) + 16  # type of the second image
    preview = data[:place] + struct.pack("<L", 0x010001) + data[place + 4 :]
    assert _read(preview).source.notes == ()
    jpeg = saved(pair[0], "jpeg")
    assert _read(jpeg + b"some data").source.notes == (
        "9 bytes of other data after the image are left out",
    )
    assert _read(jpeg + bytes(100)).source.notes == ()
    apple = _gain_jpeg(blocks[..., 0], f"{XMP}<x HDRGainMap:HDRGainMapVersion='65536'/>")
    assert _read(jpeg + apple).source.notes == ("its HDR gain map by Apple is left out",)


@pytest.mark.parametrize("damage", [b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b""])
def test_a_damaged_index_does_no_harm(blocks: np.ndarray, damage: bytes) -> None:
    jpeg = saved(Image.fromarray(blocks), "jpeg")
    photo = _read(_with_segments(jpeg, _segment(0xE2, b"MPF\0" + damage)))
    np.testing.assert_array_equal(photo.pixels, np.asarray(reread(jpeg)))
    assert photo.source.notes == ()
