"""Guards against getting slower: compares ratios, which hold from machine to machine."""

from dataclasses import dataclass

from benchmarks.measure import Results, Row

TOLERANCE = 0.7
"""Share of the recorded ratio that is still good: machines differ, and some are busy."""


@dataclass(frozen=True)
class Regression:
    """A way that has lost ground against what it is compared with.

    Attributes:
        row: As it was measured now.
        recorded: The ratio that it had.
    """

    row: Row
    recorded: float

    def __str__(self) -> str:
        return (
            f"{self.row.part}, {self.row.work}, {self.row.way}: {self.row.ratio:.2f} times "
            f"{self.row.against}, and it was {self.recorded:.2f} times"
        )


def regressions(
    measured: Results, recorded: Results, tolerance: float = TOLERANCE
) -> tuple[list[Regression], int]:
    """Finds the ways whose ratio is below `tolerance` times the recorded one.

    Ways that only one of the two has are left out: not every machine has every engine.

    Returns:
        The regressions, the worst first, and how many ways were compared.
    """
    before = {row.key: row for row in recorded if isinstance(row, Row) and row.against}
    found = []
    compared = 0
    for row in measured:
        if not isinstance(row, Row) or row.key not in before:
            continue
        old = before[row.key]
        if old.against != row.against:
            continue
        compared += 1
        if row.ratio < tolerance * old.ratio:
            found.append(Regression(row, old.ratio))
    found.sort(key=lambda one: one.row.ratio / one.recorded)
    return found, compared
