"""A folder of images of one's own: a folder for each class, or one for each split with the classes in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import HarnessError, must
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.data.own.archive import SPLIT_NAMES, to_cut
from harness.training.data.own.items import AnyArray, sides
from harness.training.data.own.prepared import prepare
from harness.training.data.own.splits import SUFFIX

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_GREY, _COLOUR = ("1", "L", "LA"), ("RGB", "RGBA", "P", "CMYK", "YCbCr", "PA")
LARGEST_SIDE = 4096


def listed(folder: Path) -> list[tuple[str, str, Path]]:
    """Return split ("" where the folder has none), class and path of every image, in order.

    Raises
    ------
    HarnessError
        If there are no images in folders of classes, or something else is among them.
    """
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = [path for path in below if path.name.lower() in SPLIT_NAMES]
    if named and len(named) < len(below):
        other = next(path.name for path in below if path not in named)
        raise HarnessError(
            f"{folder} has folders of splits ('{named[0].name}') beside others ('{other}'): give one folder for each "
            "class, or one for each split with those of the classes in it"
        )
    found = []
    for split in named or [folder]:
        for place in sorted(item for item in split.iterdir() if not item.name.startswith(".")):
            if not place.is_dir():
                raise HarnessError(
                    f"{place} lies beside the folders of classes: put it into one of them, or take it out"
                )
            paths = [path for path in sorted(place.rglob("*")) if not path.is_dir() and not path.name.startswith(".")]
            if not paths:
                raise HarnessError(f"{place} is a class without images: put some in, or remove the folder")
            found += [(SPLIT_NAMES[split.name.lower()] if named else "", place.name, path) for path in paths]
    if not found:
        raise HarnessError(f"{folder} holds no images in folders of classes: put them as CLASS/NAME.png")
    for _, _, path in found:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            raise HarnessError(f"{path} is no image ({', '.join(SUFFIXES)}); take it out of the folder")
    return found


def read(folder: Path, *, size: Sequence[int] = (), **options: Any) -> Dataset:
    """Make a dataset of a folder of images.

    Grey images have one channel, others three; where both are there, all have three.  Transparency is refused where
    it shows something.  Images are turned as their cameras say.

    Parameters
    ----------
    folder : Path
    size : (int, int), optional
        Height and width to which all images are scaled; without it they must be of one size.
    **options
        Of `prepare`.

    Raises
    ------
    HarnessError
        If pillow is not installed, an image cannot be read, or images differ in size and no `size` is given.
    """
    scaled = sides("size", size, high=LARGEST_SIDE)
    if len(scaled) not in (0, 2):
        raise HarnessError(must("size", "be height and width", list(scaled)))
    for option in ("layout", "shape", "kind"):
        if option in options:
            raise HarnessError(must(option, "be left out for a folder of images, which says it", options[option]))
    found = listed(folder)
    images = [_pixels(path, scaled) for _, _, path in found]
    sizes = {image.shape[:2] for image in images}
    if len(sizes) > 1:
        (h, w), (other_h, other_w) = sorted(sizes)[0], sorted(sizes)[-1]
        raise HarnessError(
            f"the images of {folder} must be of one size, got {len(sizes)}, from {h} x {w} to {other_h} x {other_w} "
            f"(height x width): say which to scale them to, size = [{other_h}, {other_w}]"
        )
    channels = max(image.shape[2] for image in images)
    items = np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])
    labels = np.array([name for _, name, _ in found])
    given = None
    if any(split for split, _, _ in found):
        given = to_cut(np.array([SPLITS.index(split) for split, _, _ in found], dtype=np.int64))
        if SPLITS.index("train") not in [SPLITS.index(split) for split, _, _ in found]:
            raise HarnessError(must(f"the splits of {folder}", "have training images", sorted({f[0] for f in found})))
    keep = folder.with_name(folder.name + SUFFIX)
    what = (f"the images of {folder.name}", f"the classes of {folder.name}")
    return prepare(items, labels, name=folder.name, given=given, layout="NHWC", what=what, keep_in=keep, **options)


def _pixels(path: Path, size: tuple[int, ...]) -> AnyArray:
    """Return one image: (H, W, 1 or 3) uint8."""
    try:
        from PIL import Image, ImageOps  # here, so that other datasets work without it
    except ImportError as error:
        raise HarnessError("a folder of images needs the package pillow: pip install pillow") from error
    try:
        with Image.open(path) as opened:
            opened.load()
            image = ImageOps.exif_transpose(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HarnessError(f"{path} cannot be read as an image: {error}") from error
    if max(image.size) > LARGEST_SIDE:
        raise HarnessError(must(f"the sides of {path}", f"be at most {LARGEST_SIDE}", image.size))
    if image.mode not in (*_GREY, *_COLOUR):
        raise HarnessError(
            f"{path} has pixels of mode '{image.mode}', more than eight bits each: save it with eight, or give all "
            "items as arrays in an .npz file"
        )
    _check_opaque(path, image)
    image = image.convert("L" if image.mode in _GREY else "RGB")
    if size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _check_opaque(path: Path, image: Image.Image) -> None:
    if not image.has_transparency_data:
        return
    alpha = image.convert("RGBA").getchannel("A").getextrema()
    if alpha != (255, 255):
        raise HarnessError(f"{path} is transparent in places, with no background known: save it without alpha")
