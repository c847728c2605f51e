"""Fair sizes: as many hidden units as a budget of parameters allows."""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache

from liquidlib import checks
from liquidlib.models.registry import count_parameters, make
from liquidlib.models.wirings import Wiring

WITHIN = 0.1
"""How far from the budget a model may be, as a share of it."""


def match_parameters(
    name: str,
    budget: int,
    input_size: int,
    output_size: int | None = None,
    *,
    wiring: Callable[[int], Wiring] | None = None,
    **options: object,
) -> int:
    """Return the hidden size with which a model has as many parameters as a budget allows.

    Of all sizes it is the one whose `count_parameters` comes nearest to the budget, above it or
    below; of two that are as near, the smaller. A wired model's synapses are drawn, so that its
    count may fall from one size to the next: then it is the nearest of the sizes next to where
    the counts first reach the budget.

    Parameters
    ----------
    name : str
        One of the names in `models`.
    budget : int
        Parameters to have, at least 1.
    input_size, output_size : int
        F, and the width of the read-out (None: no read-out).
    wiring : callable, optional
        For a wired model: ``wiring(hidden_size)`` gives the `Wiring` of that size, or raises a
        ValueError if the size is too small. Default None: the model's own default.
    **options
        The model's own, as for `make`.

    Returns
    -------
    int
        The ``hidden_size``, for ``make(name, input_size, hidden_size, output_size, **options)``.

    Raises
    ------
    ValueError
        If no size comes within 10 % of the budget.

    Examples
    --------
    >>> from liquidlib import count_parameters, make, match_parameters
    >>> size = match_parameters("lstm", 5000, input_size=1, output_size=1)
    >>> size, count_parameters(make("lstm", 1, size, 1))
    (34, 5067)
    """
    checks.integer("budget", budget, at_least=1)
    if wiring is not None and not callable(wiring):
        raise TypeError(
            f"wiring must be a function from hidden_size to a Wiring, got {type(wiring).__name__}"
        )

    def parameters(hidden_size: int) -> int:
        wired = {} if wiring is None else {"wiring": wiring(hidden_size)}
        return count_parameters(
            make(name, input_size, hidden_size, output_size, **wired, **options)
        )

    @cache
    def count(hidden_size: int) -> int:
        try:
            return parameters(hidden_size)
        except ValueError:  # too few neurons for a wiring
            return 0

    high = 1
    while count(high) < budget and high < budget:  # every hidden unit has a parameter
        high *= 2
    first = bisect_left(range(high), budget, lo=high // 2, key=count)
    sizes = [size for size in range(max(first - 2, 1), first + 3) if count(size)] or [high]
    best = min(sizes, key=lambda size: abs(count(size) - budget))
    found = parameters(best)  # raises what is wrong where no size will do
    if abs(found - budget) > WITHIN * budget:
        raise ValueError(
            f"budget must be within {WITHIN:.0%} of what {name!r} can have, got {budget}: the "
            f"nearest is hidden_size={best} with {found} parameters"
        )
    return best
