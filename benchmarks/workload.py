"""The work of every run: photographs x prompts x new tokens x batch, fixed and hashed.

A run starts from encoded image bytes in memory. `encode` makes them once per photograph, before the
measurement, in a helper process, because images are untrusted input.

The hash covers source bytes, recipe, prompts, new tokens and batch size, but no decoded pixels,
because decoders differ across platforms.
"""

import hashlib
import importlib.util
import io
import json
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine.inputs import read_regular
from benchmarks.record.sections import WorkloadInfo

WIDTH, HEIGHT = 640, 480
JPEG_QUALITY = 95
RECIPE = (
    f"EXIF orientation, RGB, centre crop to {WIDTH}:{HEIGHT}, Lanczos to {WIDTH}x{HEIGHT}, "
    f"JPEG quality {JPEG_QUALITY} 4:4:4"
)

MIN_SIDE = 32  # smallest side of a source photograph, pixels
MAX_PIXELS = 100_000_000  # largest source photograph, pixels, which take 0.3 GB decoded
MAX_FILE_BYTES, MAX_FOLDER_BYTES, MAX_PHOTOGRAPHS = 200_000_000, 2_000_000_000, 5_000
"""Largest photograph file, largest sum of all, and most of them: they are held in memory, and encoded too."""
MAX_ENTRIES = 100_000  # most files of any kind in the folder of the photographs
MAX_PROMPT_CHARACTERS = 4_000
MAX_PROMPTS_BYTES = 10_000_000
SPECIAL = re.compile(
    r"<\|[^<>|\s]{1,40}\|>|</?[\w|-]{0,40}(?:image|img|video|audio|vision|speech|unused)[\w|-]{0,40}>"
    r"|<row_\d+_col_\d+>"
    r"|</?(?:s|bos|eos|pad|unk|mask|box|quad|ref|(?:start|end)_of_\w+|fake_token_\w+)>",
    re.IGNORECASE,
)
"""Placeholders of any medium and control tokens of any model: what one model reads as text, another does not."""
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")  # for some others Pillow starts Ghostscript
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# Photographs in the scikit-image wheel; sources and licences:
# https://scikit-image.org/docs/stable/api/skimage.data.html
BUILT_IN = {
    "astronaut.png": "public domain (NASA)",
    "chelsea.png": "CC0 (Stefan van der Walt)",
    "coffee.png": "CC0 (Rachel Michetti)",
    "rocket.jpg": "public domain (SpaceX)",
}

PROMPTS = (
    "Describe this image in detail.",
    "What is the main subject of this photograph, and what surrounds it?",
    "List the colours and the materials that you can see.",
)


@dataclass(frozen=True)
class Photograph:
    """The file of a source photograph."""

    name: str
    data: bytes
    licence: str = "not stated"

    @property
    def sha256(self) -> str:
        """Hash of the source bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Workload:
    """The work of each run; `encoded[i]` is `photographs[i]` after the recipe."""

    photographs: tuple[Photograph, ...]
    encoded: tuple[bytes, ...]
    prompts: tuple[str, ...]
    new_tokens: int
    batch_size: int

    @property
    def requests(self) -> int:
        """Number of different requests: each photograph with each prompt."""
        return len(self.photographs) * len(self.prompts)

    def select_request(self, index: int) -> list[tuple[int, int]]:
        """Return the (image, prompt) indices of request `index`, one pair per sequence.

        The photograph changes first from one request to the next, so a few runs use all photographs.
        A batch consists of consecutive requests.
        """
        return [self.select_element(index + k) for k in range(self.batch_size)]

    def select_element(self, index: int) -> tuple[int, int]:
        """Return the (image, prompt) indices of the first sequence of request `index`."""
        prompt, image = divmod(index % self.requests, len(self.photographs))
        return image, prompt

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the work."""
        parts = [RECIPE, [p.sha256 for p in self.photographs], list(self.prompts), self.new_tokens, self.batch_size]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def describe(self) -> WorkloadInfo:
        """Return the Record's workload."""
        return {
            "hash": self.hash,
            "recipe": RECIPE,
            "images": [{"name": p.name, "sha256": p.sha256, "licence": p.licence} for p in self.photographs],
            "prompts": list(self.prompts),
            "new_tokens": self.new_tokens,
            "batch_size": self.batch_size,
            "requests": self.requests,
        }


def read_photographs(path: Path | None) -> tuple[Photograph, ...]:
    """Read the photographs of `--images`: a folder, one file, or None for the built-in ones.

    Raises:
        BenchmarkError: there is no image, or they are too large.
    """
    if path is None:
        return _built_in()
    try:
        is_folder = path.is_dir()
        inside = sorted(path.iterdir()) if is_folder else [path]
        files = [file for file in inside[:MAX_ENTRIES] if _is_photograph(file)] if is_folder else inside
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        raise BenchmarkError(
            f"--images={str(path)[:100]}: cannot be read ({error.strerror}); name a folder of photographs or one file."
        ) from error
    if not files:
        kinds = " ".join(SUFFIXES)
        raise BenchmarkError(f"--images={path}: the folder contains no image ({kinds}); put photographs there.")
    if len(inside) > MAX_ENTRIES or len(files) > MAX_PHOTOGRAPHS or (is_folder and size > MAX_FOLDER_BYTES):
        raise BenchmarkError(
            f"--images={path}: {len(files)} photographs of {size / 1e9:.1f} GB in total, more than the limit of "
            f"{MAX_FOLDER_BYTES / 1e9:.0f} GB, {MAX_PHOTOGRAPHS} photographs or {MAX_ENTRIES} files; choose fewer."
        )
    return tuple(Photograph(_read_name(file), _read(file)) for file in files)


def _is_photograph(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and file.is_file()


def describe_passed_over(path: Path | None) -> str:
    """Return which files and folders of `--images` are no photographs that are read; "" if there are none."""
    if path is None or not path.is_dir():
        return ""
    others = [file for file in sorted(path.iterdir()) if not (_is_photograph(file) or file.name.startswith("."))]
    names = [_read_name(file) + "/" * file.is_dir() for file in others[:8]]
    named = ", ".join([*names, f"{len(others) - 8} more"] if len(others) > 8 else names)
    said = f"--images={path}: {len(others)} passed over: {named} (read are {' '.join(SUFFIXES)} in this folder)."
    return said if others else ""


def _read_name(path: Path) -> str:
    """Return a file's name as UTF-8, whatever the locale; other bytes are replaced, and control characters too."""
    name = os.fsencode(path.name).decode(errors="replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in name)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise BenchmarkError(
                f"--images: {path} has {size / 1e6:.0f} MB, more than the limit of {MAX_FILE_BYTES / 1e6:.0f} MB; "
                "scale it down or leave it out."
            )
        return read_regular(path, size)  # not what is appended now
    except OSError as error:
        raise BenchmarkError(
            f"--images: {path} cannot be read ({error.strerror}); repair it or leave it out."
        ) from error


def _built_in() -> tuple[Photograph, ...]:
    found = importlib.util.find_spec("skimage")  # only its files are needed, so it is not imported
    if found is None or not found.submodule_search_locations:
        raise BenchmarkError(
            "The built-in photographs come with scikit-image, which is not installed; "
            "type `pip install scikit-image`, or use --images=DIR."
        )
    folder = Path(found.submodule_search_locations[0]) / "data"
    return tuple(Photograph(name, _read(folder / name), licence) for name, licence in BUILT_IN.items())


def read_prompts(path: Path | None) -> tuple[str, ...]:
    """Read the prompts of `--prompts`: one per line, without blank lines; None for the built-in ones.

    Raises:
        BenchmarkError: the file cannot be read, or holds no prompt, or an invalid one.
    """
    if path is None:
        return PROMPTS
    try:
        data = read_regular(path, MAX_PROMPTS_BYTES)
        if len(data) > MAX_PROMPTS_BYTES:
            raise BenchmarkError(f"--prompts={path}: more than {MAX_PROMPTS_BYTES / 1e6:.0f} MB; shorten it.")
        lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except OSError as error:
        raise BenchmarkError(
            f"--prompts={path}: cannot be read ({error.strerror}); name a text file with one prompt per line."
        ) from error
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"--prompts={path}: not UTF-8 text; save it as UTF-8, one prompt per line.") from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise BenchmarkError(f"--prompts={path}: the file contains no prompt; write one prompt per line.")
    for number, prompt in enumerate(found, 1):
        if problem := _find_problem(prompt):
            raise BenchmarkError(f"--prompts={path}: prompt {number} {problem}.")
    return found


def _find_problem(prompt: str) -> str:
    """Return what is wrong with a prompt, and the remedy; "" if nothing is."""
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        return f"is longer than {MAX_PROMPT_CHARACTERS} characters; shorten it"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in prompt):
        return "contains control characters; remove them"
    found = SPECIAL.search(prompt)
    return f"contains {found[0]}, which is a placeholder or control token in some models; remove it" if found else ""


def encode(photograph: Photograph) -> bytes:
    """Apply the recipe to one photograph and return JPEG bytes of a WIDTH x HEIGHT image.

    Raises:
        BenchmarkError: the photograph is no image, damaged, too small or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # `_check_size` has a limit of its own
    name = f"--images: {photograph.name}"
    try:
        with Image.open(io.BytesIO(photograph.data), formats=FORMATS) as image:
            _check_size(name, *image.size)
            upright = _eight_bits(name, ImageOps.exif_transpose(image)).convert("RGB")
            fitted = ImageOps.fit(upright, (WIDTH, HEIGHT), method=Image.Resampling.LANCZOS)
    except BenchmarkError:
        raise
    except UnidentifiedImageError as error:
        raise BenchmarkError(
            f"{name} is not an image that Pillow reads; leave it out or convert it to JPEG."
        ) from error
    except MemoryError as error:
        raise BenchmarkError(f"{name} takes too much memory to decode; scale it down or leave it out.") from error
    except Exception as error:  # decoders raise any error on damaged data
        raise BenchmarkError(f"{name} is damaged ({str(error)[:200]}); replace it or leave it out.") from error
    buffer = io.BytesIO()
    fitted.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _eight_bits(name: str, image: Any) -> Any:
    """Return an image, with 16-bit grey scaled to 8 bits; Pillow's own conversion would clip it to white."""
    import numpy as np
    from PIL import Image

    if image.mode in ("I", "F"):
        raise BenchmarkError(f"{name} has 32-bit pixels, whose range is not defined; convert it to 8 bits per channel.")
    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))


def _check_size(name: str, width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise BenchmarkError(
            f"{name} is {width}x{height} pixels, and a side needs at least {MIN_SIDE}; use a larger one."
        )
    if width * height > MAX_PIXELS:
        raise BenchmarkError(
            f"{name} is {width}x{height} pixels, more than the limit of {MAX_PIXELS // 1_000_000} million; "
            "scale it down."
        )
