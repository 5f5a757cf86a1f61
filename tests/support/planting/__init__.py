"""Plant one known fault in a gold query, as models make them.

For each failure label there are several shapes of the fault. Whether the result of the edited query
really differs is for the database to say: a planted fault may well do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from planting import conditions, grouping, keys, outputs, set_operations, tables, wordings
from planting.target import Target
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.prompt.extract import extract_sql
from sqlkiln.sql.parse import parse

Edit = Callable[[Target], bool]
"""Edits the tree; False if the shape does not apply to it."""

Wording = Callable[[Target, str], str]
"""What a model writes instead of the gold query; '' if the shape does not apply."""

EDITS: dict[str, tuple[Edit, ...]] = {
    "sql_wrong_table": (
        tables.lookalike_table,
        tables.unrelated_table,
        tables.sibling_table,
    ),
    "sql_missing_join": (
        tables.join_left_out,
        tables.unread_join_left_out,
        tables.columns_from_the_rest,
        tables.bridge_left_out,
    ),
    "sql_unneeded_join": (
        tables.neighbour_joined,
        tables.neighbour_crossed,
        tables.key_read_from_neighbour,
    ),
    "sql_wrong_join_key": (
        keys.other_key,
        keys.any_other_column,
        keys.both_keys,
        keys.key_left_out,
        keys.outer_join,
        keys.other_member,
    ),
    "sql_wrong_projection": (
        outputs.other_output,
        outputs.other_measure,
        outputs.output_left_out,
        outputs.output_added,
        outputs.outputs_swapped,
        outputs.all_outputs,
    ),
    "sql_wrong_filter": (
        conditions.condition_left_out,
        conditions.having_left_out,
        conditions.other_operator,
        conditions.other_connective,
        conditions.condition_on_other_column,
        conditions.condition_added,
        conditions.negation_turned,
        conditions.pattern_for_value,
    ),
    "sql_wrong_value": (
        conditions.value_of_other_row,
        conditions.text_in_other_case,
        conditions.text_misquoted,
        conditions.code_spelled_out,
        conditions.number_off,
        conditions.values_swapped,
        conditions.wildcard_lost,
    ),
    "sql_wrong_aggregate": (
        outputs.other_function,
        outputs.other_function_elsewhere,
        outputs.count_for_sum,
        outputs.function_left_out,
        outputs.function_added,
    ),
    "sql_wrong_group": (
        grouping.group_left_out,
        grouping.other_group,
        grouping.finer_group,
        grouping.group_added,
    ),
    "sql_wrong_order": (
        grouping.direction_turned,
        grouping.order_left_out,
        grouping.other_order,
        grouping.order_by_output,
        grouping.other_measure_in_order,
    ),
    "sql_wrong_limit": (
        grouping.limit_left_out,
        grouping.other_limit,
        grouping.limit_added,
        grouping.first_skipped,
    ),
    "sql_wrong_distinct": (
        outputs.distinct_left_out,
        outputs.distinct_added,
        outputs.distinct_counted,
    ),
    "sql_wrong_set_op": (
        set_operations.other_set_op,
        set_operations.branch_left_out,
        set_operations.branches_swapped,
        set_operations.duplicates_kept,
        set_operations.branches_merged,
        set_operations.set_op_added,
    ),
}

WORDINGS: dict[str, tuple[Wording, ...]] = {
    "sql_no_select": (
        wordings.nothing,
        wordings.refusal,
        wordings.advice,
        wordings.other_statement,
        wordings.schema_repeated,
    ),
    "sql_prose_wrapped": (
        wordings.explained_below,
        wordings.announced,
        wordings.both_sides,
        wordings.inside_fence,
        wordings.unextracted,
    ),
    "sql_syntax": (
        wordings.cut_short,
        wordings.bracket_lost,
        wordings.keyword_lost,
        wordings.keyword_twice,
        wordings.keyword_misspelled,
        wordings.comma_left,
        wordings.clauses_disordered,
        wordings.quote_lost,
        wordings.other_dialect,
    ),
    "sql_wrong_schema": (
        wordings.column_misnamed,
        wordings.column_of_other_table,
        wordings.alias_confused,
        wordings.table_misnamed,
        wordings.function_invented,
        wordings.text_unquoted,
    ),
    "sql_timeout": (wordings.crossed_for_ever, wordings.recursion_without_end),
    "sql_other": (wordings.two_statements,),
}

AS_WRITTEN = frozenset({wordings.unextracted, wordings.two_statements})
"""Wordings of systems whose whole answer is taken for SQL."""


@dataclass(frozen=True)
class Planted:
    """A statement with one fault; `completion` is what the model would have written."""

    label: str
    shape: str
    sql: str
    completion: str = ""


def plant(gold_sql: str, schema: DatabaseSchema, label: str, random: Random) -> Iterator[Planted]:
    """The shapes of `label` that apply to the gold query, in any order, one statement each."""
    tree = parse(gold_sql, schema.dialect)
    if tree is None:
        return
    edits, wordings = EDITS.get(label, ()), WORDINGS.get(label, ())
    for edit in random.sample(edits, len(edits)):
        target = Target(tree.copy(), schema, random)
        if edit(target):
            yield Planted(label, edit.__name__, target.sql)
    for word in random.sample(wordings, len(wordings)):
        target = Target(tree.copy(), schema, random)
        completion = word(target, target.sql)
        if completion:
            sql = completion if word in AS_WRITTEN else extract_sql(completion)
            yield Planted(label, word.__name__, sql, completion)
