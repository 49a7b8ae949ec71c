"""The cameras of the town: seven rooms and streets, each with something to stand behind or seen from close by."""

from __future__ import annotations

from dataclasses import dataclass

from plugins.demo.raycast import Block, Finish, Lens, Panel, Room

CONCRETE = Finish("tiles", (0.46, 0.45, 0.43), (0.30, 0.30, 0.29), (1.2, 1.2), gloss=0.10)
GRANITE = Finish("tiles", (0.50, 0.49, 0.47), (0.26, 0.26, 0.26), (0.6, 0.6), gloss=0.30)
MARBLE = Finish("tiles", (0.66, 0.62, 0.55), (0.40, 0.37, 0.33), (0.9, 0.9), gloss=0.45)
RUBBER = Finish("tiles", (0.20, 0.21, 0.23), (0.12, 0.12, 0.13), (1.0, 1.0), gloss=0.05)
PAVING = Finish("bricks", (0.42, 0.40, 0.38), (0.27, 0.26, 0.25), (0.4, 0.2), grain=0.09)
OAK = Finish("planks", (0.48, 0.33, 0.20), (0.30, 0.20, 0.12), (1.4, 0.14), grain=0.14, gloss=0.12)
PLASTER = Finish("skirted", (0.70, 0.69, 0.65), (0.22, 0.22, 0.23), (0.12, 1.0), grain=0.035)
GREEN_PLASTER = Finish("skirted", (0.52, 0.58, 0.52), (0.18, 0.22, 0.20), (0.15, 1.0), grain=0.04)
WARM_PLASTER = Finish("skirted", (0.70, 0.62, 0.50), (0.28, 0.20, 0.14), (0.10, 1.0), grain=0.035)
GLAZED = Finish("tiles", (0.66, 0.69, 0.67), (0.40, 0.43, 0.42), (0.30, 0.15), grain=0.04)
BRICK = Finish("bricks", (0.42, 0.23, 0.17), (0.55, 0.50, 0.45), (0.24, 0.08), grain=0.18)
STONE_FRONT = Finish("facade", (0.56, 0.52, 0.45), (0.10, 0.13, 0.16), (2.6, 3.2), grain=0.08)
BRICK_FRONT = Finish("facade", (0.45, 0.27, 0.20), (0.12, 0.14, 0.17), (2.1, 2.9), grain=0.14)
CEILING = Finish("tiles", (0.72, 0.72, 0.71), (0.50, 0.50, 0.50), (0.6, 0.6), grain=0.03)
STEEL = Finish("plain", (0.50, 0.52, 0.54), grain=0.05)
DARK_STEEL = Finish("plain", (0.20, 0.21, 0.23), grain=0.06)
RED_GLASS = Finish("plain", (0.46, 0.12, 0.10), grain=0.03)
WALNUT = Finish("planks", (0.30, 0.19, 0.12), (0.20, 0.12, 0.08), (2.0, 0.3), grain=0.12)
LEAVES = Finish("plain", (0.10, 0.22, 0.08), grain=0.55)
BLUE = Finish("plain", (0.10, 0.20, 0.42), grain=0.04)


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of one store.

    Attributes:
        name: of the camera; the beginning of its files' names.
        label: what it burns into the picture; empty for none.
        clock: burns the time in, too.
        near_far_m: between which distances people stand.
        frames: how many pictures it has stored.
        first_seen_h: hour of its first picture of a day.
        last_seen_h: hour of its last picture of a day.
    """

    name: str
    label: str
    clock: bool
    room: Room
    lens: Lens
    near_far_m: tuple[float, float]
    frames: int
    first_seen_h: int = 6
    last_seen_h: int = 22


def _lamps(
    across: tuple[float, ...], away: tuple[float, ...], size: tuple[float, float] = (0.6, 1.2)
) -> tuple[Panel, ...]:
    w, d = size
    return tuple(Panel("ceiling", (x - w / 2, z - d / 2, x + w / 2, z + d / 2), "lamp") for x in across for z in away)


def _pillars(
    across: tuple[float, ...], away: tuple[float, ...], high: float, wide: float, finish: Finish
) -> tuple[Block, ...]:
    h = wide / 2
    return tuple(Block((x - h, x + h), (0, high), (z - h, z + h), finish) for x in across for z in away)


def _gates(z: float, left: float, right: float, step: float) -> tuple[Block, ...]:
    """A row of ticket gates: posts of steel, leaves of red glass between them."""
    row = [Block((left - 2, right + 2), (0.0, 0.98), (z + 0.5, z + 0.56), RED_GLASS)]
    x = left
    while x < right:
        row.append(Block((x, x + 0.24), (0, 1.04), (z, z + 1.3), STEEL))
        x += step
    return tuple(row)


CONCOURSE = Room(
    -9,
    8,
    19,
    4.4,
    {"floor": GRANITE, "ceiling": CEILING, "left": GLAZED, "right": GLAZED, "back": GLAZED},
    panels=(
        *_lamps((-4.0, 0.0, 4.0), (4.0, 9.0, 14.0), (0.4, 3.2)),
        Panel("back", (-8.0, 0.0, -3.0, 3.2), "window"),
        Panel("back", (2.5, 0.0, 3.6, 2.1), "door", (0.25, 0.30, 0.36)),
        Panel("back", (3.6, 0.0, 4.7, 2.1), "door", (0.25, 0.30, 0.36)),
        Panel("left", (4.0, 1.0, 7.5, 2.6), "board", (0.12, 0.24, 0.48)),
        Panel("right", (5.0, 0.9, 7.0, 2.5), "board", (0.62, 0.50, 0.16)),
        Panel("right", (9.0, 0.0, 10.2, 2.1), "door", (0.46, 0.44, 0.40)),
    ),
    blocks=(
        *_gates(4.2, -4.3, 4.2, 1.0),
        *_pillars((-5.2, 4.6), (9.0, 14.0), 4.4, 0.6, CONCRETE),
        Block((-8.8, -7.6), (0, 1.9), (11.5, 12.4), BLUE),
        Block((6.4, 7.8), (0, 1.9), (12.5, 13.4), DARK_STEEL),
        Block((-2.5, 2.0), (2.75, 3.25), (8.4, 8.5), DARK_STEEL),
    ),
)

FORECOURT = Room(
    -7,
    8.5,
    34,
    11,
    {"floor": PAVING, "left": BRICK_FRONT, "right": STONE_FRONT, "back": STONE_FRONT, "ceiling": CEILING},
    panels=(
        Panel("left", (6.0, 0.3, 10.0, 2.7), "window", (0.2, 0.2, 0.2)),
        Panel("left", (11.0, 0.0, 12.2, 2.2), "door", (0.20, 0.28, 0.22)),
        Panel("right", (8.0, 0.3, 13.0, 2.8), "window", (0.2, 0.2, 0.2)),
        Panel("right", (15.0, 0.0, 16.3, 2.3), "door", (0.34, 0.18, 0.12)),
    ),
    blocks=(
        Block((-7, 8.5), (0.0, 1.06), (3.3, 3.42), DARK_STEEL),
        *(Block((x, x + 0.10), (0, 1.16), (3.26, 3.46), STEEL) for x in (-4.6, -3.1, -1.6, -0.1, 1.4, 2.9, 4.4)),
        *_pillars((-4.4, 5.6), (8.0, 16.0), 5.0, 0.16, DARK_STEEL),
        Block((-4.9, -3.9), (0, 0.55), (11.0, 12.0), CONCRETE),
        Block((-4.85, -3.95), (0.55, 1.5), (11.05, 11.95), LEAVES),
        Block((4.0, 5.0), (0, 0.55), (12.0, 13.0), CONCRETE),
        Block((4.05, 4.95), (0.55, 1.7), (12.05, 12.95), LEAVES),
    ),
    open_air=True,
    street_lamps_m=((-4.4, 4.9, 8.0), (5.6, 4.9, 8.0), (-4.4, 4.9, 16.0), (5.6, 4.9, 16.0), (0.5, 4.5, 1.0)),
)

PASSAGE = Room(
    -1.9,
    1.7,
    24,
    2.7,
    {"floor": CONCRETE, "ceiling": CEILING, "left": GLAZED, "right": GREEN_PLASTER, "back": GLAZED},
    panels=(
        *_lamps((0.0,), (1.5, 5.0, 8.5, 12.0, 15.5, 19.0), (0.25, 1.4)),
        Panel("left", (3.0, 0.9, 4.6, 2.1), "board", (0.50, 0.14, 0.12)),
        Panel("left", (6.4, 0.9, 8.0, 2.1), "board", (0.12, 0.36, 0.40)),
        Panel("right", (4.0, 0.0, 5.0, 2.1), "door", (0.40, 0.42, 0.44)),
        Panel("right", (10.0, 0.0, 11.0, 2.1), "door", (0.40, 0.42, 0.44)),
        Panel("back", (-0.9, 0.0, 0.7, 2.2), "door", (0.24, 0.28, 0.34)),
    ),
    blocks=(Block((-1.9, -1.82), (0.9, 0.96), (0, 24), STEEL), Block((1.62, 1.7), (0.9, 0.96), (0, 24), STEEL)),
)

RECEPTION = Room(
    -5.0,
    5.5,
    10.5,
    3.4,
    {"floor": MARBLE, "ceiling": CEILING, "left": PLASTER, "right": WARM_PLASTER, "back": PLASTER},
    panels=(
        *_lamps((-2.6, 0.4, 3.2), (2.5, 5.5, 8.5), (0.9, 0.9)),
        Panel("back", (-4.4, 0.0, 1.4, 2.9), "window"),
        Panel("back", (2.4, 0.0, 3.5, 2.15), "door", (0.34, 0.24, 0.16)),
        Panel("right", (3.6, 1.0, 5.2, 2.2), "board", (0.20, 0.34, 0.42)),
        Panel("left", (5.0, 0.0, 6.1, 2.15), "door", (0.36, 0.26, 0.18)),
    ),
    blocks=(
        Block((-5.0, 5.5), (0, 1.06), (2.05, 2.45), WALNUT),
        Block((-5.0, 5.5), (1.06, 1.10), (1.95, 2.50), DARK_STEEL),
        Block((-3.4, -1.6), (0, 0.42), (6.6, 7.4), BLUE),
        Block((-3.4, -1.6), (0.42, 0.85), (7.2, 7.4), BLUE),
        Block((3.9, 4.5), (0, 0.6), (8.2, 8.8), CONCRETE),
        Block((3.85, 4.55), (0.6, 1.7), (8.15, 8.85), LEAVES),
    ),
)

LIFT_HALL = Room(
    -2.4,
    2.8,
    7.5,
    2.8,
    {"floor": MARBLE, "ceiling": CEILING, "left": WARM_PLASTER, "right": PLASTER, "back": WARM_PLASTER},
    panels=(
        *_lamps((-0.9, 1.2), (1.4, 4.0, 6.4), (0.5, 0.5)),
        Panel("back", (-1.9, 0.0, -0.8, 2.15), "door", (0.52, 0.54, 0.56)),
        Panel("back", (-0.3, 0.0, 0.8, 2.15), "door", (0.52, 0.54, 0.56)),
        Panel("back", (1.3, 0.0, 2.4, 2.15), "door", (0.52, 0.54, 0.56)),
        Panel("right", (2.6, 0.9, 4.4, 2.1), "board", (0.24, 0.30, 0.26)),
        Panel("left", (3.4, 0.0, 4.4, 2.1), "door", (0.42, 0.30, 0.20)),
    ),
    blocks=(Block((2.2, 2.7), (0, 0.5), (6.6, 7.1), CONCRETE), Block((2.15, 2.75), (0.5, 1.5), (6.55, 7.15), LEAVES)),
)

TURNSTILE = Room(
    -2.6,
    3.2,
    8.5,
    3.0,
    {"floor": RUBBER, "ceiling": CEILING, "left": BRICK, "right": PLASTER, "back": GREEN_PLASTER},
    panels=(
        *_lamps((-1.2, 1.6), (1.6, 4.4, 7.0), (0.3, 1.5)),
        Panel("back", (-2.0, 0.9, 0.6, 2.5), "window"),
        Panel("back", (1.4, 0.0, 2.5, 2.1), "door", (0.16, 0.22, 0.28)),
        Panel("right", (2.5, 1.0, 4.5, 2.2), "board", (0.60, 0.32, 0.10)),
    ),
    blocks=(
        Block((-2.55, -1.75), (0, 2.0), (5.0, 7.6), BLUE),
        Block((0.9, 1.05), (0, 1.0), (4.2, 5.4), STEEL),
        Block((-0.6, -0.45), (0, 1.0), (4.2, 5.4), STEEL),
        Block((-0.45, 0.9), (0.86, 0.91), (4.75, 4.80), STEEL),
    ),
)

GYM_DESK = Room(
    -5.5,
    5.0,
    13,
    3.6,
    {"floor": OAK, "ceiling": CEILING, "left": BRICK, "right": GREEN_PLASTER, "back": BRICK},
    panels=(
        *_lamps((-3.2, 0.0, 3.0), (2.5, 6.0, 9.5), (0.3, 1.8)),
        Panel("right", (4.0, 0.9, 10.0, 2.9), "window"),
        Panel("back", (-4.4, 0.0, -3.3, 2.1), "door", (0.20, 0.22, 0.24)),
        Panel("back", (0.0, 0.9, 2.8, 2.6), "board", (0.14, 0.32, 0.22)),
    ),
    blocks=(
        Block((-5.5, 5.0), (0, 1.08), (2.75, 3.15), OAK),
        Block((-5.5, 5.0), (1.08, 1.12), (2.65, 3.22), DARK_STEEL),
        Block((-4.6, -3.0), (0, 0.5), (9.0, 11.4), DARK_STEEL),
        Block((-4.5, -4.3), (0.5, 1.5), (9.1, 9.3), STEEL),
        Block((2.4, 3.6), (0, 0.5), (9.6, 11.6), DARK_STEEL),
        Block((2.5, 2.7), (0.5, 1.6), (9.7, 9.9), STEEL),
    ),
)

STORES: dict[str, tuple[Camera, ...]] = {
    "station-cameras": (
        Camera("cam1", "CAM 1 CONCOURSE", True, CONCOURSE, Lens(1500, 1.95, 2.0, -3), (4.9, 7.2), 52),
        Camera("cam2", "CAM 2 FORECOURT", True, FORECOURT, Lens(1250, 2.0, 2.0, 4), (3.5, 4.4), 50),
        Camera("cam3", "CAM 3 PASSAGE", True, PASSAGE, Lens(1300, 2.05, 7.0, 2), (1.0, 2.1), 48),
    ),
    "office-lobby": (
        Camera("reception", "RECEPTION", False, RECEPTION, Lens(1200, 1.75, 1.0, 5), (2.6, 3.5), 45, 7, 20),
        Camera("lifts", "LIFT HALL G", False, LIFT_HALL, Lens(1350, 1.95, 5.0, -4), (1.0, 2.0), 45, 7, 20),
    ),
    "gym-entrance": (
        Camera("turnstile", "", False, TURNSTILE, Lens(1500, 1.75, 1.0, 3), (0.68, 1.5), 30, 6, 23),
        Camera("desk", "", False, GYM_DESK, Lens(1150, 1.85, 2.0, 4), (3.3, 4.2), 30, 6, 23),
    ),
}
