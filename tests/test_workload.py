"""The work of every run: equal on every device, hashed, and refused if it is invalid.

Tests benchmarks.workload.
"""

import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import workload
from benchmarks.errors import BenchmarkError
from benchmarks.workload import Photograph, Workload

WORK = Workload(
    photographs=(Photograph("a", b"aa"), Photograph("b", b"bb")),
    encoded=(b"AA", b"BB"),
    prompts=("one", "two", "three"),
    new_tokens=16,
    batch_size=1,
)


def jpeg(width: int, height: int) -> bytes:
    """Return a photograph of noise."""
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that claims to be very large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("photograph", workload.read_photographs(None), ids=lambda photograph: photograph.name)
def test_built_in_photographs_are_encoded(photograph: Photograph) -> None:
    """Each built-in photograph has a licence and becomes a real 640x480 JPEG, the same bytes each time."""
    encoded = workload.encode(photograph)

    with Image.open(io.BytesIO(encoded)) as image:
        assert (image.format, image.size) == ("JPEG", (640, 480))
    assert workload.encode(photograph) == encoded
    assert photograph.licence


def test_exif_orientation_is_applied() -> None:
    """A photograph with an EXIF orientation is turned upright before it is cropped."""
    image = Image.new("RGB", (800, 600), "black")
    image.paste("white", (0, 0, 800, 300))  # stored: the upper half is white
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)

    with Image.open(io.BytesIO(workload.encode(Photograph("camera", buffer.getvalue())))) as upright:
        upper, lower = (upright.convert("L").getpixel((320, y)) for y in (100, 400))
    assert upper == pytest.approx(0, abs=50)
    assert lower == pytest.approx(255, abs=50)


@pytest.mark.parametrize(
    "changed",
    [
        {"photographs": (Photograph("a", b"aa"), Photograph("b", b"bc"))},
        {"prompts": ("one", "two", "3")},
        {"new_tokens": 17},
        {"batch_size": 2},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_hash_is_of_the_work(changed: dict[str, object]) -> None:
    """The hash changes with source bytes, prompts, tokens and batch."""
    assert replace(WORK, **changed).hash != WORK.hash  # type: ignore[arg-type]


def test_the_hash_is_not_of_names_or_pixels() -> None:
    """A renamed file and another decoder's pixels keep the hash, because devices must agree on it."""
    renamed = (Photograph("x", b"aa"), Photograph("y", b"bb"))

    assert replace(WORK, photographs=renamed, encoded=(b"other", b"pixels")).hash == WORK.hash


def test_requests_see_all_photographs_first() -> None:
    """Run i takes request i mod n; the first ones take each photograph once, then the next prompt."""
    assert WORK.requests == 6
    assert [WORK.select_request(index) for index in range(3)] == [[(0, 0)], [(1, 0)], [(0, 1)]]
    assert replace(WORK, batch_size=3).select_request(5) == [(1, 2), (0, 0), (1, 0)]
    assert replace(WORK, batch_size=10**12).select_element(5) == (1, 2)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"no image at all", "is not an image that Pillow reads"),
        (b"", "is not an image that Pillow reads"),
        (jpeg(640, 480)[:9000], "is damaged"),
        (jpeg(1, 1), "is 1x1 pixels, and a side needs at least 32"),
        (huge_png(20_000, 20_000), "is 20000x20000 pixels, more than the limit of 100 million"),
    ],
    ids=["text", "empty", "truncated", "1x1", "20000x20000"],
)
def test_bad_images_are_refused(data: bytes, complaint: str) -> None:
    """A file that is no image, cut off, too small or a decompression bomb is refused with its name."""
    with pytest.raises(BenchmarkError, match=complaint) as refusal:
        workload.encode(Photograph("holiday.jpg", data))
    assert "holiday.jpg" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_folders_of_images(tmp_path: Path) -> None:
    """A folder gives its images in the order of their names, without other files."""
    for name in ("b.png", "a.JPG", "conftest.py", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())

    assert [photograph.name for photograph in workload.read_photographs(tmp_path)] == ["a.JPG", "b.png"]
    assert [photograph.name for photograph in workload.read_photographs(tmp_path / "b.png")] == ["b.png"]


def test_no_images_are_refused(tmp_path: Path) -> None:
    """A missing and an empty folder are refused with a remedy."""
    with pytest.raises(BenchmarkError, match=r"cannot be read \(No such file or directory\); name a folder"):
        workload.read_photographs(tmp_path / "none")
    with pytest.raises(BenchmarkError, match="contains no image"):
        workload.read_photographs(tmp_path)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "contains no prompt"),
        (b" \n\t\n", "contains no prompt"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"fine\nbell \x07\n", "prompt 2"),
        (b"x" * 4001, "prompt 1 is longer than 4000"),
    ],
)
def test_bad_prompts_are_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    """An empty file, no text, control characters and a very long prompt are refused."""
    path = tmp_path / "prompts.txt"
    path.write_bytes(data)

    with pytest.raises(BenchmarkError, match=complaint):
        workload.read_prompts(path)


def test_own_prompts(tmp_path: Path) -> None:
    """Prompts are read one per line, without blank lines."""
    path = tmp_path / "prompts.txt"
    path.write_text("What is it?\n\n  Où ?\n", encoding="utf-8")

    assert workload.read_prompts(path) == ("What is it?", "Où ?")


@pytest.mark.parametrize("suffix", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled(suffix: str) -> None:
    """A photograph of 16-bit grey keeps its greys: the middle of its range stays the middle."""
    ramp = np.tile(np.linspace(0, 65535, 640, dtype=np.uint16), (480, 1))
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, suffix)

    with Image.open(io.BytesIO(workload.encode(Photograph("scan", buffer.getvalue())))) as image:
        grey = image.convert("L")
    assert grey.getpixel((320, 240)) == pytest.approx(128, abs=3)
    assert grey.getpixel((630, 240)) == pytest.approx(251, abs=4)


def test_pixels_of_32_bits_are_refused() -> None:
    """A photograph with 32-bit pixels is refused, because it would become black silently."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((480, 640), np.float32)).save(buffer, "TIFF")

    with pytest.raises(BenchmarkError, match="32-bit pixels, whose range is not defined; convert it to 8 bits"):
        workload.encode(Photograph("depth.tif", buffer.getvalue()))


def test_prompts_of_every_language(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, no-break spaces and joiners are accepted."""
    path = tmp_path / "prompts.txt"
    path.write_bytes("\ufeffQue voyez-vous\u00a0?\r\nक्\u200dष\r\n".encode())

    assert workload.read_prompts(path) == ("Que voyez-vous\u00a0?", "क्\u200dष")


def test_placeholders_in_prompts_are_refused(tmp_path: Path) -> None:
    """A prompt that holds a model's placeholder for the photograph is refused before anything is loaded."""
    path = tmp_path / "prompts.txt"
    path.write_text("Describe <image> now\n")

    with pytest.raises(BenchmarkError, match="prompt 1 contains <image>, which is a placeholder"):
        workload.read_prompts(path)


def test_a_name_too_long_for_a_file_is_refused() -> None:
    """--images with a name that is too long is refused in one sentence."""
    with pytest.raises(BenchmarkError, match=r"cannot be read \(File name too long\); name a folder"):
        workload.read_photographs(Path("x" * 300))


def test_files_too_large_to_hold_are_refused(tmp_path: Path) -> None:
    """A photograph, a folder or a file of prompts that would fill the memory is refused before it is read."""
    for number in range(11):
        with (tmp_path / f"{number:02}.jpg").open("wb") as file:
            file.truncate(190_000_000)  # sparse: it takes no room
    with pytest.raises(BenchmarkError) as refusal:
        workload.read_photographs(tmp_path)
    assert "11 photographs of 2.1 GB in total, more than the limit of 2 GB" in str(refusal.value)
    with (tmp_path / "00.jpg").open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(BenchmarkError, match="has 300 MB, more than the limit of 200 MB"):
        workload.read_photographs(tmp_path / "00.jpg")
    with pytest.raises(BenchmarkError, match="more than 10 MB; shorten it"):
        workload.read_prompts(tmp_path / "00.jpg")


@pytest.mark.parametrize(
    ("prompt", "token"),
    [
        ("What is on <|image_1|>?", "<|image_1|>"),
        ("<start_of_image>Describe", "<start_of_image>"),
        ("<audio_soft_token>Describe", "<audio_soft_token>"),
        ("Describe <video>", "<video>"),
        ("<img>photo</img>", "<img>"),
        ("a<|endoftext10|>b", "<|endoftext10|>"),
        ("<global-img>", "<global-img>"),
        ("Describe.</s>", "</s>"),
        ("<row_1_col_2>", "<row_1_col_2>"),
        ("Describe.<End_Of_Turn>", "<End_Of_Turn>"),
    ],
)
def test_placeholders_of_other_media_are_refused(tmp_path: Path, prompt: str, token: str) -> None:
    """A prompt that holds a placeholder of any medium, or a control token of any model, is refused for all models."""
    path = tmp_path / "prompts.txt"
    path.write_text(f"one\n{prompt}\n")

    with pytest.raises(
        BenchmarkError, match=r"prompt 2 contains .*a placeholder or control token in some models"
    ) as said:
        workload.read_prompts(path)
    assert f"contains {token}, which" in str(said.value)


def test_plain_angle_brackets_are_no_placeholder(tmp_path: Path) -> None:
    """Comparisons, arrows and tags of markup are text like any other."""
    path = tmp_path / "prompts.txt"
    path.write_text("Is 3<s and s>2?\nAnswer in <answer></answer>, <b>bold</b>.\na <image b> -> <- |>\n")

    assert len(workload.read_prompts(path)) == 3


def test_files_that_are_passed_over_are_named(tmp_path: Path) -> None:
    """Files of other kinds and subfolders of --images are counted and named; photographs and hidden files are not."""
    for name in ("1.png", "2.PNG", "3.HEIC", "4.avif", "5.gif", "6.jfif", ".DS_Store"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub").mkdir()

    assert workload.describe_passed_over(tmp_path) == (
        f"--images={tmp_path}: 5 passed over: 3.HEIC, 4.avif, 5.gif, 6.jfif, sub/ "
        f"(read are {' '.join(workload.SUFFIXES)} in this folder)."
    )
    for number in range(9):
        (tmp_path / f"7-{number}.heif").write_bytes(b"")
    assert ", 6 more (" in workload.describe_passed_over(tmp_path)
    assert workload.describe_passed_over(tmp_path / "1.png") == workload.describe_passed_over(None) == ""
    (tmp_path / "sub/1.png").write_bytes(b"")
    assert workload.describe_passed_over(tmp_path / "sub") == ""


def test_a_photographs_name_is_text(tmp_path: Path) -> None:
    """A name that is no UTF-8, or breaks a line, is stored as text that every reader can write."""
    for name in (b"caf\xc3\xa9.png", b"bad\xff.png", b"two\nlines.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb"):  # noqa: PTH118, PTH123 - bytes, which Path refuses
            pass

    assert [photograph.name for photograph in workload.read_photographs(tmp_path)] == [
        "bad\ufffd.png",
        "café.png",
        "two\ufffdlines.png",
    ]
