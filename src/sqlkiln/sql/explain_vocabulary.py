"""The words that `sql.explain_phrases` puts in place of SQL: one template a function or operator.

A template is used only if its fields are exactly the parts that the expression has, so that an
option nobody thought of is never lost: the SQL itself is shown instead.
"""

from sqlglot import exp

TEMPLATES: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Abs: ("the absolute value of {this}",),
    exp.Add: ("{this} + {expression}",),
    exp.AnyValue: ("any {this}",),
    exp.ArgMax: ("the {this} where {expression} is highest",),
    exp.ArgMin: ("the {this} where {expression} is lowest",),
    exp.ArrayAgg: ("the list of all {this}",),
    exp.ArrayContains: ("whether {this} contains {expression}",),
    exp.ArraySize: ("the number of elements of {this}",),
    exp.Avg: ("the average of {this}",),
    exp.Ceil: ("{this} rounded up",),
    exp.Collate: ("{this} (compared as {expression})",),
    exp.Cube: ("every combination of {expressions}",),
    exp.CumeDist: ("the share of rows up to this one",),
    exp.CurrentDate: ("today's date",),
    exp.CurrentTime: ("the current time",),
    exp.CurrentTimestamp: ("the current date and time",),
    exp.Date: ("the date of {this}",),
    exp.DateDiff: ("the number of {unit}s from {expression} to {this}",),
    exp.DateTrunc: ("the start of the {unit} of {this}",),
    exp.Day: ("the day of the month of {this}",),
    exp.DayOfWeek: ("the day of the week of {this}",),
    exp.DenseRank: ("the rank without gaps",),
    exp.Div: ("{this} / {expression}",),
    exp.Extract: ("the {this} of {expression}",),
    exp.First: ("the first {this}",),
    exp.FirstValue: ("the first {this}",),
    exp.Floor: ("{this} rounded down",),
    exp.Greatest: ("the largest of {this} and {expressions}",),
    exp.GroupConcat: (
        "all values of {this} joined by commas",
        "all values of {this} joined by {separator}",
    ),
    exp.Hour: ("the hour of {this}",),
    exp.IntDiv: ("{this} / {expression} without the remainder",),
    exp.Lag: (
        "the {this} of the row before",
        "the {this} from {offset} before",
        "the {this} from {offset} before ({default} if there is none)",
    ),
    exp.Last: ("the last {this}",),
    exp.LastValue: ("the last {this}",),
    exp.Lead: (
        "the {this} of the next row",
        "the {this} from {offset} after",
        "the {this} from {offset} after ({default} if there is none)",
    ),
    exp.Least: ("the smallest of {this} and {expressions}",),
    exp.Left: ("the first {expression} of {this}",),
    exp.Length: ("the length of {this}",),
    exp.LogicalAnd: ("whether every {this} is true",),
    exp.LogicalOr: ("whether any {this} is true",),
    exp.Lower: ("{this} in lower case",),
    exp.Median: ("the median of {this}",),
    exp.Minute: ("the minute of {this}",),
    exp.Mod: ("the remainder of {this} / {expression}",),
    exp.Mode: ("the most frequent {this}",),
    exp.Month: ("the month of {this}",),
    exp.Mul: ("{this} * {expression}",),
    exp.Neg: ("-{this}",),
    exp.NthValue: ("the {this} of row number {offset}",),
    exp.Ntile: ("the number of the part that the row falls in, of {this} equal parts",),
    exp.Nullif: ("{this} (or nothing if it is {expression})",),
    exp.PercentRank: ("the rank as a share from 0 to 1",),
    exp.Pow: ("{this} to the power of {expression}",),
    exp.Quarter: ("the quarter of {this}",),
    exp.Rand: ("a random number",),
    exp.Rank: ("the rank",),
    exp.Replace: (
        "{this} without {expression}",
        "{this} with {expression} replaced by {replacement}",
    ),
    exp.Right: ("the last {expression} of {this}",),
    exp.Rollup: ("{expressions} with subtotals",),
    exp.Round: ("{this} rounded to a whole number", "{this} rounded to {decimals}"),
    exp.RowNumber: ("the row number",),
    exp.Sqrt: ("the square root of {this}",),
    exp.Stddev: ("the standard deviation of {this}",),
    exp.StddevSamp: ("the standard deviation of {this}",),
    exp.StrPosition: ("the position of {substr} in {this}",),
    exp.Sub: ("{this} - {expression}",),
    exp.Substring: (
        "{this} from character {start} on",
        "{length} of {this} from character {start} on",
    ),
    exp.Sum: ("the sum of {this}",),
    exp.TimestampTrunc: ("the start of the {unit} of {this}",),
    exp.Trim: ("{this} without spaces around it",),
    exp.Upper: ("{this} in upper case",),
    exp.Variance: ("the variance of {this}",),
    exp.Week: ("the week of {this}",),
    exp.Year: ("the year of {this}",),
}

COUNTED: dict[tuple[type[exp.Expr], str], str] = {
    (exp.Lag, "offset"): "row",
    (exp.Lead, "offset"): "row",
    (exp.Left, "expression"): "character",
    (exp.Right, "expression"): "character",
    (exp.Round, "decimals"): "decimal",
    (exp.Substring, "length"): "character",
}
"""What the fields above that hold a number count."""

CALLS = {
    ("date", 2): "the date of {0} moved by {1}",
    ("date_part", 2): "the {0} of {1}",
    ("datetime", 1): "the date and time of {0}",
    ("datetime", 2): "the date and time of {0} moved by {1}",
    ("julianday", 1): "the day number of {0}",
    ("total", 1): "the sum of {0}",
}
"""The same for functions that sqlglot knows by name only, by their number of arguments."""

UNSPOKEN = frozenset(
    {
        "big_int",
        "date_part_boundary",
        "dialect",
        "ignore_nulls",
        "safe",
        "typed",
        "type",
        "value_constructor",
    }
)
"""Arguments that sqlglot sets for itself and that say nothing about the query."""

COMPARISONS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.EQ: ("is", "is not"),
    exp.NEQ: ("is not", "is"),
    exp.GT: ("is more than", "is not more than"),
    exp.GTE: ("is at least", "is less than"),
    exp.LT: ("is less than", "is not less than"),
    exp.LTE: ("is at most", "is more than"),
    exp.NullSafeEQ: ("is", "is not"),
    exp.NullSafeNEQ: ("is not", "is"),
    exp.Glob: ("matches the pattern", "does not match the pattern"),
    exp.Match: ("matches the search", "does not match the search"),
    exp.RegexpLike: ("matches the regular expression", "does not match the regular expression"),
    exp.SimilarTo: ("matches the pattern", "does not match the pattern"),
}
"""What stands between two sides: said plainly, and denied."""

LIKENESSES = {
    (False, False): ("is", "is not"),
    (False, True): ("starts with", "does not start with"),
    (True, False): ("ends with", "does not end with"),
    (True, True): ("contains", "does not contain"),
}
"""The same for LIKE, by whether the pattern begins and whether it ends with '%'."""

TIME_COMPARISONS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.GT: ("is after", "is not after"),
    exp.GTE: ("is on or after", "is before"),
    exp.LT: ("is before", "is not before"),
    exp.LTE: ("is on or before", "is after"),
}

EXTREMES = {
    exp.Min: {"time": "earliest", "text": "alphabetically first"},
    exp.Max: {"time": "latest", "text": "alphabetically last"},
}

DIRECTIONS = {
    "number": ("smallest first", "largest first"),
    "time": ("earliest first", "latest first"),
    "text": ("A to Z", "Z to A"),
    "": ("lowest first", "highest first"),
}
"""How ascending and descending order is said of each kind of values."""

DATE_PARTS = {
    "%Y": "year",
    "%m": "month",
    "%d": "day of the month",
    "%H": "hour",
    "%M": "minute",
    "%S": "second",
    "%w": "day of the week",
    "%j": "day of the year",
    "%W": "week",
    "%Y-%m": "year and month",
    "%Y-%m-%d": "date",
}
"""What a whole strftime format stands for."""

TYPES = {
    "INT": "a whole number",
    "BIGINT": "a whole number",
    "SMALLINT": "a whole number",
    "REAL": "a decimal number",
    "FLOAT": "a decimal number",
    "DOUBLE": "a decimal number",
    "TEXT": "text",
    "VARCHAR": "text",
    "DATE": "a date",
    "TIMESTAMP": "a date and time",
    "BOOLEAN": "true or false",
}
"""What a value becomes by CAST; other types are shown as they are."""
