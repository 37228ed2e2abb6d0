"""Forms with wrong charsets, boundaries and parts: refused at once, never waited for."""

import codecs
from collections.abc import Iterator

import httpx
import pytest
from serving import EchoWorker, serving

from cinegan_jax.web.limits import ServerLimits


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(EchoWorker(), ServerLimits(file_bytes=2**20)) as client:
        client.timeout = 20
        yield client


def form(look: bytes = b"plain", name: bytes = b"a.jpg") -> bytes:
    """Return a form with the boundary `x`."""
    return (
        b'--x\r\nContent-Disposition: form-data; name="look"\r\n\r\n%b\r\n'
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="%b"\r\n\r\n'
        b"photo\r\n--x--\r\n" % (look, name)
    )


def post(client: httpx.Client, body: bytes, kind: str) -> httpx.Response:
    return client.post("/v1/apply", content=body, headers={"Content-Type": kind.encode("latin-1")})


CHARSETS = [
    "unicode_escape",
    "raw_unicode_escape",
    "utf-7",
    "utf-16",
    "idna",
    "punycode",
    "undefined",
    "rot13",
    "zlib",
    "cp037",
    "latin-1",
    "no such charset",
    "\xff",
    "",
]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("body", [form(), form(look=rb"\ud800"), form(name=rb"\ud800")])
def test_other_charsets_are_refused(client: httpx.Client, charset: str, body: bytes) -> None:
    answer = post(client, body, f'multipart/form-data; boundary=x; charset="{charset}"')
    assert answer.status_code == 415
    assert answer.json()["error"].endswith("send it as utf-8.")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8"])
def test_utf_8_is_read(client: httpx.Client, charset: str) -> None:
    name = "so\u00e9t\u2600.jpg".encode()
    answer = post(client, form(name=name), f"multipart/form-data; charset={charset}; boundary=x")
    assert "so%C3%A9t%E2%98%80-plain.jpg" in answer.headers["content-disposition"]


def test_a_type_in_capitals_is_the_same_type(client: httpx.Client) -> None:
    assert post(client, form(), "Multipart/Form-Data; Boundary=x").content == b"photo"


@pytest.mark.parametrize("look", [b"\xed\xa0\x80", b"\xff\xfe", b"\0", codecs.BOM_UTF16])
def test_a_field_that_is_no_text_is_refused(client: httpx.Client, look: bytes) -> None:
    """One of them is a lone surrogate, which no answer in UTF-8 can repeat."""
    answer = post(client, form(look=look), "multipart/form-data; boundary=x")
    assert answer.status_code == 422
    assert "is not one of plain" in answer.json()["error"]


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=y",
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary=" + "x" * 5000,
    ],
)
def test_a_wrong_boundary_is_refused(client: httpx.Client, kind: str) -> None:
    answer = post(client, form(), kind)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The form cannot be read")


PART = b'--x\r\nContent-Disposition: form-data; name="'
FORMS = {
    "part without a disposition": b"--x\r\n\r\nplain\r\n--x--\r\n",
    "part without a name": b"--x\r\nContent-Disposition: form-data\r\n\r\nplain\r\n--x--\r\n",
    "huge header": PART + b"a" * 500_000,
    "many headers": b"--x\r\n" + b"A: b\r\n" * 100_000,
    "many parts": (PART + b'a"\r\n\r\nb\r\n') * 10_000,
    "boundaries alone": b"\r\n--x" * 100_000,
    "two photos": form().replace(b"--x--\r\n", b"") + form(),
}


@pytest.mark.parametrize("name", FORMS)
def test_malformed_parts_are_refused(client: httpx.Client, name: str) -> None:
    answer = post(client, FORMS[name], "multipart/form-data; boundary=x")
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]


@pytest.mark.parametrize("field", ["strength", "look", "ticket"])
def test_an_empty_field_is_refused(client: httpx.Client, field: str) -> None:
    fields = {"look": "plain", field: ""}
    answer = client.post("/v1/apply", files={"photo": b"photo"}, data=fields)
    assert answer.status_code == 422
    assert answer.json()["error"] == f"{field}: empty; give a value or leave it out"


def test_a_misspelt_field_is_refused(client: httpx.Client) -> None:
    fields = {"look": "plain", "strenght": "1"}
    answer = client.post("/v1/apply", files={"photo": b"photo"}, data=fields)
    assert answer.status_code == 422
    assert answer.json()["error"] == "strenght: extra inputs are not permitted"
