"""A parameter's range as a strip of text, on the parameter's own scale.

·····━━━━━●━━━·········     the hard range, the current box, the best value
"""

from __future__ import annotations

import math

from rich.text import Text

from caviar.contract.messages import ParameterValue
from caviar.contract.views import ParameterView, SideView

OUTSIDE, INSIDE, BEST = "·", "━", "●"


def position(value: float, low: float, high: float, scale: str | None) -> float:
    """Where ``value`` lies between ``low`` (0.0) and ``high`` (1.0) on ``scale``; clipped to [0, 1]."""
    if high <= low:
        return 0.0
    value = min(max(value, low), high)
    if scale == "log" and low > 0:
        share = math.log(value / low) / math.log(high / low)
    elif scale == "reverse_log" and high < 1:
        share = math.log((1 - low) / (1 - value)) / math.log((1 - low) / (1 - high))
    else:
        share = (value - low) / (high - low)
    return min(max(share, 0.0), 1.0)


def strip(
    parameter: ParameterView, side: SideView, best: ParameterValue | None, width: int
) -> Text:
    """``side`` inside ``parameter``'s hard range, in ``width`` characters; categories by name instead."""
    if parameter.choices is not None:
        return _categories(parameter.choices, side, best)
    low, high = parameter.low, parameter.high
    if low is None or high is None:
        return Text(OUTSIDE * width, style="dim")

    def cell(value: float) -> int:
        return round(position(value, low, high, parameter.scale) * (width - 1))

    first = cell(low if side.low is None else side.low)
    last = cell(high if side.high is None else side.high)
    text = Text()
    text.append(OUTSIDE * first, style="dim")
    text.append(INSIDE * (last - first + 1), style="cyan")
    text.append(OUTSIDE * (width - 1 - last), style="dim")
    if isinstance(best, int | float) and not isinstance(best, bool):
        at = cell(best)
        plain = text.plain
        text.plain = plain[:at] + BEST + plain[at + 1 :]
        text.stylize("bold green", at, at + 1)
    return text


def _categories(choices: list[ParameterValue], side: SideView, best: ParameterValue | None) -> Text:
    """All choices by name: those that left the box in brackets and dim, the best one marked."""
    left = choices if side.choices is None else side.choices
    text = Text()
    for index, choice in enumerate(choices):
        word = str(choice).lower() if isinstance(choice, bool) else str(choice)
        word = "".join(letter if letter.isprintable() else " " for letter in word)
        inside = any(choice == other and type(choice) is type(other) for other in left)
        chosen = best is not None and choice == best and type(choice) is type(best)
        text.append("  " if index else "")
        if chosen:
            text.append(f"{BEST} {word}", style="bold green")
        else:
            text.append(word if inside else f"({word})", style="cyan" if inside else "dim")
    return text


def bar(share: float, width: int) -> Text:
    """``share`` in [0, 1] as a bar, to an eighth of a character."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else "")
    return Text(drawn.ljust(width), style="cyan")
