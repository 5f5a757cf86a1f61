"""How fast predictions are scored.

    python benchmarks/evaluate.py --data SPIDER_DIR --predictions PRED.sql
    python benchmarks/evaluate.py --data SPIDER_DIR          # the gold as its own prediction

Each run is the whole command `sqlkiln evaluate`, from the start of Python to its end. `cold` has
an empty cache; `warm` has the results of the golds from the run before. The databases are hashed
before and after.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODES = {"spider": "spider", "strict": "strict", "all modes": "strict,spider,bird"}


def main() -> None:
    """Run what the arguments say and print a table."""
    args = parse_arguments()
    before = digests(args.data)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {len(before)} databases"
    )
    with tempfile.TemporaryDirectory() as scratch:
        predictions = args.predictions or gold_file(args.data, Path(scratch))
        print(f"{'':12} {'rows':>6} {'cold s':>8} {'warm s':>8} {'rows/s':>8}")
        for title, modes in MODES.items():
            cache = Path(scratch) / f"cache-{modes}"
            seconds, rows = [], 0
            for number in range(1 + args.repeat):
                out = Path(scratch) / f"{modes}-{number}"
                started = time.perf_counter()
                rows = evaluate(args.data, predictions, modes, out, cache)
                seconds.append(time.perf_counter() - started)
            warm = min(seconds[1:])
            print(f"{title:12} {rows:6} {seconds[0]:8.2f} {warm:8.2f} {rows / warm:8.0f}")
    after = digests(args.data)
    print(f"databases byte-identical afterwards: {'yes' if before == after else 'NO'}")
    sys.exit(before != after)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder in Spider's layout")
    parser.add_argument("--predictions", type=Path, help="one SQL a line, in question order")
    parser.add_argument("--repeat", type=int, default=3, help="warm runs, of which the best counts")
    return parser.parse_args()


def gold_file(data: Path, scratch: Path) -> Path:
    """The gold SQL as a file of predictions."""
    rows = json.loads((data / "dev.json").read_text(encoding="utf-8"))
    path = scratch / "gold.sql"
    lines = (" ".join(row.get("query", row.get("SQL")).split()) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def evaluate(data: Path, predictions: Path, modes: str, out: Path, cache: Path) -> int:
    """Run the command; how many rows it scored."""
    command = [
        sys.executable, "-m", "sqlkiln", "evaluate", "--dataset", "spider", "--data", str(data),
        "--predictions", str(predictions), "--modes", modes, "--out", str(out), "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"SQLKILN_CACHE_DIR": str(cache)},
    )
    return int(json.loads(done.stdout)["scored"])


def digests(data: Path) -> dict[Path, str]:
    """The sha256 of every database file."""
    files = sorted(path for path in data.rglob("*.sqlite") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
