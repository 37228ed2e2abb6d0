"""The development in a photo's XMP history, read back by exiv2 and by the package."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import exiv2
import numpy as np
import pytest
from image_files import XMP, saved
from PIL import Image

from cinegan_jax.photos.encode import EncodeOptions, encode_photo
from cinegan_jax.photos.formats.registry import WRITTEN_SUFFIXES
from cinegan_jax.photos.metadata.fitting import holds_xmp
from cinegan_jax.photos.read import read_development, read_photo

EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
FIRST = {"look": "velvia", "strength": 0.7, "grain": 1.0, "note": 'größer, "quoted" <&>'}
MOST = 10**6


def developed(data: bytes, development: dict[str, Any], format: str | None = None) -> bytes:
    photo = read_photo(data, max_pixels=MOST)
    return encode_photo(photo, photo.pixels, EncodeOptions(format, development=development))


def png(**options: Any) -> bytes:
    return saved(Image.fromarray(np.full((8, 12, 3), 90, np.uint8)), "png", **options)


@pytest.mark.parametrize("format", WRITTEN_SUFFIXES)
def test_every_format_records_the_development(format: str) -> None:
    if format == "heic":
        pytest.importorskip("pillow_heif")
    written = developed(png(), FIRST, format)
    expected = FIRST if holds_xmp(format) else None
    assert read_development(written, max_pixels=MOST) == expected
    assert holds_xmp(format) == (format != "bmp")


def test_a_second_development_is_appended() -> None:
    second = {"look": "cinema", "strength": 1.0}
    written = developed(developed(png(), FIRST, "webp"), second)
    assert read_development(written, max_pixels=MOST) == second
    packet = read_photo(written, max_pixels=MOST).source.metadata.xmp
    events = [
        {name.removeprefix(EVENT): value for name, value in item.attrib.items()}
        for item in ElementTree.fromstring(packet).iter()
        if f"{EVENT}action" in item.attrib
    ]
    assert [json.loads(event["parameters"]) for event in events] == [FIRST, second]
    assert {event["action"] for event in events} == {"filtered"}
    assert all(event["softwareAgent"].startswith("cinegan_jax ") for event in events)


def test_the_history_of_other_programs_stays() -> None:
    item = '<rdf:li e:action="saved" e:softwareAgent="Adobe" e:when="2024-05-06T07:08:09Z"/>'
    history = (
        '><m:History xmlns:m="http://ns.adobe.com/xap/1.0/mm/" '
        f'xmlns:e="{EVENT[1:-1]}"><rdf:Seq>{item}</rdf:Seq></m:History></rdf:Description>'
    )
    packet = XMP.replace(b"ORIENTATION", b"1").replace(b"/></rdf", history.encode() + b"</rdf")
    packet = packet.replace(b'xmp:Rating="4"', b'xmp:CreatorTool="Adobe"')
    data = saved(Image.new("RGB", (8, 8)), "webp", xmp=packet)
    assert read_development(data, max_pixels=MOST) is None
    image = exiv2.ImageFactory.open(developed(data, FIRST))
    image.readMetadata()
    xmp = image.xmpData()
    assert xmp["Xmp.xmpMM.History[1]/stEvt:when"].toString() == "2024-05-06T07:08:09Z"
    assert xmp["Xmp.xmpMM.History[2]/stEvt:action"].toString() == "filtered"
    assert xmp["Xmp.xmp.CreatorTool"].toString() == "Adobe"


def test_a_record_holds_no_time_so_that_results_repeat() -> None:
    assert developed(png(), FIRST, "tiff") == developed(png(), FIRST, "tiff")


def test_a_record_that_was_edited_by_hand_is_none(tmp_path: Path) -> None:
    photo = tmp_path / "a.webp"
    photo.write_bytes(developed(png(), FIRST, "webp").replace(b"{&quot;look", b"(&quot;look"))
    assert read_development(photo, max_pixels=MOST) is None
