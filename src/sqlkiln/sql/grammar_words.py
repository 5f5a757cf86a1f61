"""The words of SQL that a grammar needs to know: functions, types, and words that are no names."""

from __future__ import annotations

_SQLITE = """
    abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling changes char coalesce concat
    concat_ws cos cosh count cume_dist date datetime degrees dense_rank exp first_value floor format
    glob group_concat hex ifnull iif instr json json_array json_array_length json_extract
    json_group_array json_group_object json_object json_quote json_type json_valid julianday lag
    last_value lead length like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif
    octet_length percent_rank pi pow power printf quote radians random rank replace round row_number
    rtrim sign sin sinh sqrt strftime string_agg substr substring sum tan tanh time timediff total
    trim trunc typeof unhex unicode unixepoch upper zeroblob
"""

_DUCKDB = """
    abs acos add age any_value approx_count_distinct approx_quantile arbitrary arg_max arg_min
    argmax argmin array_agg array_contains array_length array_to_string ascii asin atan atan2 avg
    bit_and bit_count bit_length bit_or bit_xor bool_and bool_or cardinality cbrt ceil ceiling
    century char_length character_length chr coalesce concat concat_ws contains corr cos cot count
    count_if count_star countif covar_pop covar_samp cume_dist current_localtime
    current_localtimestamp damerau_levenshtein date date_add date_diff date_part date_sub date_trunc
    datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month
    decade degrees dense_rank divide element_at ends_with entropy epoch epoch_ms era even exp
    factorial fdiv first first_value flatten floor fmod format format_bytes gcd generate_series
    geomean greatest group_concat hamming hash hex histogram hour if ifnull instr isfinite isinf
    isnan isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json_array_length
    json_extract json_extract_string json_keys json_type json_value julian kurtosis lag last
    last_day last_value lcase lcm lead least left len length levenshtein list list_aggregate
    list_avg list_concat list_contains list_count list_distinct list_extract list_filter list_has
    list_max list_min list_reverse list_slice list_sort list_sum list_transform list_unique
    list_value listagg ln log log10 log2 lower lpad ltrim mad make_date make_time make_timestamp
    map_keys map_values max max_by md5 mean median microsecond millennium millisecond min min_by
    minute mod mode month monthname multiply nth_value ntile nullif now octet_length ord
    percent_rank percentile_cont percentile_disc pi position pow power prefix printf product
    quantile quantile_cont quantile_disc quarter radians random range rank regexp_extract
    regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
    regr_intercept regr_r2 regr_slope repeat replace reverse right round round_even row_number rpad
    rtrim second sem sign sin skewness split split_part sqrt starts_with stddev stddev_pop
    stddev_samp str_split strftime string_agg string_split string_to_array strip_accents strlen
    strpos strptime struct_extract struct_pack substr substring subtract suffix sum tan time
    time_bucket timezone to_base64 to_date to_days to_hours to_json to_minutes to_months to_seconds
    to_timestamp to_weeks to_years today translate trim trunc try_strptime typeof ucase unicode
    unnest upper var_pop var_samp variance week weekday weekofyear year yearweek
"""

FUNCTIONS = {"sqlite": tuple(_SQLITE.split()), "duckdb": tuple(_DUCKDB.split())}
"""Functions that a query over tables has a use for, by dialect."""

TABLE_FUNCTIONS = {
    "sqlite": ("json_each", "json_tree"),
    "duckdb": ("generate_series", "json_each", "range", "unnest"),
}

TYPES = tuple(
    """bigint blob bool boolean bytea char character clob date datetime dec decimal double float
    float4 float8 hugeint int int2 int4 int8 integer json long mediumint nchar ntext numeric
    nvarchar real short signed smallint string text time timestamp timestamptz tinyint ubigint
    uinteger unsigned usmallint utinyint uuid varbinary varchar""".split()
)

_SQLITE_RESERVED = """
    add all alter and as autoincrement between case check collate commit constraint create default
    deferrable delete distinct drop else escape except exists foreign from group having in index
    insert intersect into is isnull join limit not nothing notnull null on or order primary
    references returning select set table then to transaction union unique update using values when
    where
"""

_DUCKDB_RESERVED = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column concurrently constraint create cross default deferrable
    desc describe distinct do else end except false fetch for foreign freeze from full glob group
    having ilike in initially inner intersect into is isnull join lambda lateral leading left like
    limit natural not notnull null offset on only or order outer overlaps pivot pivot_longer
    pivot_wider placing positional primary qualify references returning right select semi show
    similar some summarize symmetric table tablesample then to trailing true union unique unpack
    unpivot using variadic verbose when where window with
"""

_IN_EXPRESSIONS = "cast current_date current_time current_timestamp raise"
_AFTER_TABLES = "cross full indexed inner left natural outer right"

NO_TABLE = {
    "sqlite": frozenset(_SQLITE_RESERVED.split()),
    "duckdb": frozenset(_DUCKDB_RESERVED.split()),
}
"""Words that name a table only in quotes, by dialect: found by trying each."""

NO_COLUMN = {
    "sqlite": NO_TABLE["sqlite"] | set(_IN_EXPRESSIONS.split()),
    "duckdb": NO_TABLE["duckdb"],
}
"""Words that name a column, or a table in front of one, only in quotes."""

NO_ALIAS = {
    "sqlite": NO_COLUMN["sqlite"] | set(_AFTER_TABLES.split()),
    "duckdb": NO_TABLE["duckdb"],
}
"""Words that are no alias, unless in quotes."""
