"""Places on a page as it is shown: points from its top left corner, after its rotation and crop."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Box:
    """A rectangle; `top` is smaller than `bottom`."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def contains(self, point: tuple[float, float]) -> bool:
        return self.left <= point[0] <= self.right and self.top <= point[1] <= self.bottom


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of them; there must be one."""
    lefts, tops, rights, bottoms = zip(*((box.left, box.top, box.right, box.bottom) for box in boxes), strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


@dataclass(frozen=True)
class Matrix:
    """Maps (x, y) to (a·x + c·y + e, b·x + d·y + f), as PDF does."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def point(self, x: float, y: float) -> tuple[float, float]:
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Where a rectangle of the page's own coordinates is shown."""
        (x0, y0), (x1, y1) = self.point(left, bottom), self.point(right, top)
        return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    def after(self, inner: "Matrix") -> "Matrix":
        """This one applied to what `inner` gives."""
        a, b = self.a * inner.a + self.c * inner.b, self.b * inner.a + self.d * inner.b
        c, d = self.a * inner.c + self.c * inner.d, self.b * inner.c + self.d * inner.d
        return Matrix(a, b, c, d, *self.point(inner.e, inner.f))


@dataclass(frozen=True)
class Word:
    """Letters without a blank between them. `size` is the height of their font, in points."""

    text: str
    box: Box
    size: float


@dataclass
class Line:
    """Words on one height, from left to right; or a table, which stands in the page like one tall line."""

    words: list[Word]
    table: list[list[str]] | None = None
    frame: Box | None = None

    @cached_property
    def box(self) -> Box:
        return self.frame or around(word.box for word in self.words)

    @cached_property
    def size(self) -> float:
        return max((word.size for word in self.words), default=0.0)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)
