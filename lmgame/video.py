"""A match log as an MP4 file that browsers play: H.264, as the match went in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from lmgame.errors import LogError, MissingExtra
from lmgame.film import Film, Shot, shots
from lmgame.frame import BACKGROUND, HEIGHT, Look
from lmgame.game import Game
from lmgame.record import Log
from lmgame.replay import begin

if TYPE_CHECKING:
    from av import VideoStream
    from av.container import OutputContainer

TALL = 480
"""The least height in pixels that a game's picture is enlarged to."""
FPS = 30
MOST = 18_000
"""Frames for which time is shown at FPS: ten minutes; a longer match has fewer a second."""
_MS = Fraction(1, 1000)
_BT709 = 1  # H.264 (ITU-T H.273) code for HD colours: without it players guess


def check_extra() -> None:
    """Make sure that films can be encoded.

    Raises:
        MissingExtra: The packages of the extra ``lmgame[video]`` are not installed.
    """
    if find_spec("av") is None:
        raise MissingExtra("an MP4 film", "video", "PyAV (FFmpeg)")


def write(log: Log, path: Path, scale: int = 1, game: Game | None = None) -> int:
    """Write the film of a match; the file appears when it is complete.

    Args:
        log: A match, finished or not.
        path: Where to; its folder is made.
        scale: Enlarges the picture by a whole factor, beyond what makes it
            ``TALL``.
        game: An instance to draw with; None to make one from the header.

    Returns:
        The number of frames.

    Raises:
        MissingExtra: The packages of the extra are not installed.
        ReplayMismatch: The log does not fit the rules.
        LogError: Nothing was played, or the file cannot be written.
    """
    check_extra()
    film = layout(log, scale, game)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        count = _encode(log, film, part, game)
        part.replace(path)
    except OSError as error:
        raise LogError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def layout(log: Log, scale: int = 1, game: Game | None = None) -> Film:
    """How the film of a match is laid out: large enough to be looked at on its own."""
    world = begin(log.header, game)
    height = world.game.observe(0).picture.size[1]
    scale *= -(-TALL // height)
    zoom = min(TALL / HEIGHT, max(1.0, height * scale / (HEIGHT * len(log.header.seats))))
    seconds = 0.0
    if world.hz is not None and log.landings:
        seconds = (log.result.ticks if log.result else log.played[-1].until) / world.hz
    fps = min(FPS, max(1, int(MOST / seconds))) if seconds else FPS
    return Film(fps=fps, look=Look(scale, zoom))


def _encode(log: Log, film: Film, path: Path, game: Game | None) -> int:
    import av

    taken = _changes(shots(log, film, game))
    at_ms, image = 0, next(taken)[1]
    count = 1
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = _stream(container, image)
        _add(container, stream, image, at_ms)
        for at_ms, image in taken:
            _add(container, stream, image, at_ms)
            count += 1
        # The end stays: a player shows a frame until the next one comes.
        _add(container, stream, image, at_ms + round(1000 * film.hold))
        container.mux(stream.encode(None))
    return count + 1


def _changes(taken: Iterable[Shot]) -> Iterator[tuple[int, Image.Image]]:
    """Frames that differ from the one before, by their millisecond, and the end.

    Of several at the same millisecond it is the last that is seen.
    """
    shown: Image.Image | None = None
    before: tuple[int, Image.Image] | None = None
    for shot in taken:
        at_ms = round(1000 * shot.at_s)
        if before is not None and before[0] < at_ms and before[1] != shown:
            yield before
            shown = before[1]
        before = at_ms, shot.image
    if before is not None:
        yield before


def _stream(container: OutputContainer, image: Image.Image) -> VideoStream:
    """An H.264 stream whose frames may come at any millisecond."""
    stream = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
    stream.width, stream.height = _even(image).size
    stream.pix_fmt = "yuv420p"  # what every browser decodes
    stream.codec_context.time_base = _MS
    stream.codec_context.max_b_frames = 0  # else the file's length is wrong with uneven times
    stream.codec_context.colorspace = _BT709
    stream.codec_context.color_primaries = _BT709
    stream.codec_context.color_trc = _BT709
    return stream


def _add(container: OutputContainer, stream: VideoStream, image: Image.Image, at_ms: int) -> None:
    from av import VideoFrame

    frame = VideoFrame.from_ndarray(np.asarray(_even(image)), format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    frame.pts, frame.time_base = at_ms, _MS
    container.mux(stream.encode(frame))


def _even(image: Image.Image) -> Image.Image:
    """A picture with even sides: colour is stored for two by two pixels."""
    return ImageOps.expand(image, (0, 0, image.width % 2, image.height % 2), BACKGROUND)
