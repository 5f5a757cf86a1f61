"""Lay out the rows of a training run: which questions share a schema, in which view, in what order.

The layout is drawn from the seed before training begins, so that a resumed run goes on with just
the rows that it had not seen. Views and tokens of a row are made when it is its turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from statistics import fmean

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import BUCKETS, DatabaseSchema, Demonstration
from sqlkiln.prompt.hints import gold_hints, hints_within
from sqlkiln.prompt.needs import needs_of
from sqlkiln.prompt.views import Noise, draw
from sqlkiln.train.encode import Encoder
from sqlkiln.train.packing import Batch, Packed, batch, join, pack

PART_TOKENS = 60
"""Tokens of a question and its answer on Spider, about; only for deciding how many share a row."""

DISTRACTING = 8
"""Schemas of other databases that tables may be borrowed from, drawn for each group."""


@dataclass(frozen=True)
class Layout:
    """How rows are filled: at most `questions` of one database, and about `tokens` in all.

    `hinted` is the share of questions that are shown value hints. With `easy_first` each pass goes
    from the easiest bucket to the hardest, as far as questions of one database can be parted.
    """

    questions: int = 16
    tokens: int = 1024
    noise: Noise = field(default_factory=Noise)
    hinted: float = 0.3
    easy_first: bool = False


@dataclass(frozen=True)
class Planned:
    """One group: places of demonstrations over one database, and the seed of its view."""

    db_id: str
    places: tuple[int, ...]
    seed: int


class Rows:
    """The rows of all epochs, in order; item i is made anew whenever it is asked for.

    It is what a `torch.utils.data.DataLoader` calls a map-style dataset.
    """

    def __init__(
        self,
        demonstrations: Sequence[Demonstration],
        schemas: Mapping[str, DatabaseSchema],
        encoder: Encoder,
        layout: Layout,
    ) -> None:
        """Use `plan` to fill it.

        Raises:
            DataError: if there is nothing to train on, or a schema is missing.
        """
        if not demonstrations:
            raise DataError("nothing to train on: there are no demonstrations; prepare some")
        missing = sorted({d.db_id for d in demonstrations} - set(schemas))
        if missing:
            raise DataError(
                f"no schema of {', '.join(missing[:3])}: schemas.jsonl lacks {len(missing)} "
                "databases that have demonstrations; prepare the data again"
            )
        self.demonstrations = demonstrations
        self.schemas = schemas
        self.encoder = encoder
        self.layout = layout
        self.plan: tuple[tuple[Planned, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, place: int) -> Batch:
        return batch(self.packed(place))

    def packed(self, place: int) -> Packed:
        """Row `place` as it is trained on."""
        return join([self._group(planned) for planned in self.plan[place]])

    def lay_out(self, epochs: float, seed: int) -> None:
        """Draw the rows of `epochs` passes; part of a pass takes that share of its rows."""
        rng = Random(seed)  # noqa: S311 (it mixes rows, it keeps no secret)
        rows: list[tuple[Planned, ...]] = []
        whole, part = divmod(epochs, 1)
        for share in [1.0] * int(whole) + ([part] if part else []):
            epoch = self._epoch(rng)
            drawn = epoch[: max(1, round(share * len(epoch)))]
            rows += self._rising(drawn) if self.layout.easy_first else drawn
        self.plan = tuple(rows)

    @property
    def examples(self) -> int:
        """Demonstrations shown over all rows."""
        return sum(len(planned.places) for row in self.plan for planned in row)

    @cached_property
    def _prefix_tokens(self) -> dict[str, int]:
        """About how long the prompt is without the question, for each database."""
        return {
            key: len(self.encoder.schema_text(self.schemas[key])) // 3 + 60
            for key in {d.db_id for d in self.demonstrations}
        }

    def _epoch(self, rng: Random) -> list[tuple[Planned, ...]]:
        by_database: dict[str, list[int]] = defaultdict(list)
        for place, demonstration in enumerate(self.demonstrations):
            by_database[demonstration.db_id] += [place] * demonstration.repeat
        groups = []
        for db_id, places in sorted(by_database.items()):
            rng.shuffle(places)
            if self.layout.easy_first:
                places.sort(key=self._rank)
            size = self._group_size(db_id)
            for first in range(0, len(places), size):
                chosen = tuple(places[first : first + size])
                groups.append(Planned(db_id, chosen, rng.getrandbits(32)))
        rng.shuffle(groups)
        return self._fill(groups)

    def _group_size(self, db_id: str) -> int:
        room = (self.layout.tokens - self._prefix_tokens[db_id]) // PART_TOKENS
        return max(min(4, self.layout.questions), min(self.layout.questions, room))

    def _fill(self, groups: Sequence[Planned]) -> list[tuple[Planned, ...]]:
        """Put groups into one row as long as they fit."""
        rows: list[tuple[Planned, ...]] = []
        row: list[Planned] = []
        used = 0
        for group in groups:
            size = self._prefix_tokens[group.db_id] + PART_TOKENS * len(group.places)
            if row and used + size > self.layout.tokens:
                rows.append(tuple(row))
                row, used = [], 0
            row.append(group)
            used += size
        return [*rows, tuple(row)] if row else rows

    def _rising(self, rows: Sequence[tuple[Planned, ...]]) -> list[tuple[Planned, ...]]:
        """The same groups in rows that go from easy to hard."""
        groups = [group for row in rows for group in row]
        return self._fill(sorted(groups, key=lambda group: fmean(map(self._rank, group.places))))

    def _rank(self, place: int) -> int:
        bucket = self.demonstrations[place].bucket
        return BUCKETS.index(bucket) if bucket in BUCKETS else len(BUCKETS)

    def _group(self, planned: Planned) -> Packed:
        rng = Random(planned.seed)  # noqa: S311 (as above)
        schema = self.schemas[planned.db_id]
        shown = [self.demonstrations[place] for place in planned.places]
        needs = needs_of(schema, *(one.gold_sql for one in shown))
        names = rng.sample(sorted(self.schemas), min(DISTRACTING, len(self.schemas)))
        others = [self.schemas[name] for name in names if name != planned.db_id]
        view, omitted = draw(schema, needs, others, rng, self.layout.noise)
        text = self.encoder.schema_text(view)
        return pack(
            [
                self.encoder.encode(self._hinted(one, schema, view, rng), view, text, omitted)
                for one in shown
            ]
        )

    def _hinted(
        self, one: Demonstration, schema: DatabaseSchema, view: DatabaseSchema, rng: Random
    ) -> Demonstration:
        """With hints about what the view shows, or without any, as drawn."""
        hints: tuple[str, ...] = ()
        if rng.random() < self.layout.hinted:
            hints = hints_within(view, one.hints or gold_hints(one.gold_sql, schema, rng))
        return one.model_copy(update={"hints": hints})
