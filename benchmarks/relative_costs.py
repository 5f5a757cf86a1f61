"""Write what strategies cost relative to `greedy`, as sqlkiln goes by where nothing was measured.

    sqlkiln tune-budget --dataset spider --data SPIDER_DIR --limit 200 --out RUN
    python benchmarks/relative_costs.py RUN/curve.json
    python benchmarks/relative_costs.py RUN/curve.json --keep greedy+link+mend vote:4 --write

`--write` puts them where sqlkiln looks, without it they are printed only; `--keep` names those that
are worth offering, if not all are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sqlkiln.core.store import write_atomic
from sqlkiln.scoring.curve import read_curve
from sqlkiln.search.relative import relative_to_baseline

PLACE = Path(__file__).parents[1] / "src" / "sqlkiln" / "assets" / "budget" / "relative.json"


def main() -> None:
    """Print the multiples of a curve, and write them if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("curve", type=Path)
    parser.add_argument("--keep", nargs="+", metavar="STRATEGY")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = relative_to_baseline(read_curve(given.curve))
    if given.keep:
        kept = {name: found.strategies[name] for name in given.keep}
        found = found.model_copy(update={"strategies": kept})
    print(found.about)
    for name, times in found.strategies.items():
        print(
            f"{name:28} p50 {times.p50:5.2f}  p95 {times.p95:5.2f}  mean {times.mean:5.2f}  "
            f"completions {times.completions:5.2f}  gain {100 * times.gain:+5.1f} points"
        )
    if given.write:
        write_atomic(PLACE, found.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
