from pathlib import Path

import pytest

from sqlkiln.core.config import check_form, did_you_mean, read_recipe
from sqlkiln.core.errors import RecipeError, UsageError

pytestmark = pytest.mark.usefixtures("demo_plugin")

OPENING = """\
# Draws numbers and adds them up.
# Hardware: anything. Time: 1 s.
# Expected score: none
# Launch: sqlkiln run recipes/x.toml
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write a recipe and return its path, which messages begin with."""
    monkeypatch.chdir(tmp_path)
    Path("recipes").mkdir()

    def write(text):
        path = Path("recipes/x.toml")
        path.write_text(text)
        return path

    return write


class TestReadRecipe:
    def test_steps_come_in_the_order_of_the_file_with_defaults_filled_in(self, recipe):
        path = recipe("[draw]\nrows = 5\nsource = 'a/b.txt'\ntags = ['x', 'y']\n[total]\n")
        read = read_recipe(path)
        assert read.name == "x"
        assert [(step.label, step.stage.name) for step in read.steps] == [
            ("[draw]", "draw"),
            ("[total]", "total"),
        ]
        assert read.steps[0].config.model_dump() == {
            "rows": 5,
            "seed": 0,
            "size": "small",
            "source": Path("a/b.txt"),
            "tags": ("x", "y"),
        }

    def test_an_array_of_tables_is_a_step_each(self, recipe):
        read = read_recipe(recipe("[[draw]]\nseed = 1\n[[draw]]\nseed = 2\n[total]\n"))
        assert [step.label for step in read.steps] == ["[draw #1]", "[draw #2]", "[total]"]
        assert [step.config.seed for step in read.steps[:2]] == [1, 2]

    def test_a_wrong_key_is_named_with_the_nearest_right_one(self, recipe):
        with pytest.raises(RecipeError) as caught:
            read_recipe(recipe("[draw]\nrowz = 5\n"))
        assert str(caught.value) == "recipes/x.toml [draw] rowz: unknown; did you mean 'rows'?"

    def test_a_wrong_key_within_a_list_is_told_once(self, recipe):
        with pytest.raises(RecipeError) as caught:
            read_recipe(recipe("[prepare]\n[[prepare.sources]]\nquestion = 'q.jsonl'\n"))
        assert str(caught.value) == (
            "recipes/x.toml [prepare] sources.0.question: unknown; correct its name, or remove it"
        )

    def test_everything_wrong_is_told_at_once(self, recipe):
        text = "[[draw]]\nzebra = 1\n[[draw]]\nrows = 'ten'\nsize = 'big'\n[totl]\n"
        with pytest.raises(RecipeError) as caught:
            read_recipe(recipe(text))
        assert str(caught.value).splitlines() == [
            "recipes/x.toml [draw #1] zebra: unknown; known are rows, seed, size, source, tags",
            "recipes/x.toml [draw #2] rows: wrong value: 'ten'; input should be a valid integer",
            "recipes/x.toml [draw #2] size: wrong value: 'big'; input should be 'small' or 'large'",
            "recipes/x.toml [totl]: unknown stage; did you mean 'total'?",
        ]

    @pytest.mark.parametrize("value", ["'10'", "1.5", "true", "[10]", "2026-01-01"])
    def test_a_value_of_another_type_is_never_converted(self, recipe, value):
        with pytest.raises(RecipeError, match=r"\[draw\] rows: wrong value: .*; input should be"):
            read_recipe(recipe(f"[draw]\nrows = {value}\n"))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[draw]\nrows 5\n", r"x\.toml:2: not TOML: Expected '='.*; correct the line"),
            ("[draw]\n[draw]\n", r"x\.toml:2: not TOML: .*twice; write \[\[table\]\] to run"),
            ("[draw]\nrows = 1\nrows = 2\n", r"x\.toml:3: not TOML: Cannot overwrite a value"),
            ("rows = 5\n[draw]\n", r"x\.toml rows: not a table: found 5; put it below the"),
            ("draw = []\n", r"x\.toml draw: not a table: found \[\]"),
            ("# nothing\n", r"x\.toml: no stages: the recipe has no tables; add one"),
            ("[total]\n", r"x\.toml \[total\]: needs a \[draw\] table before it; add one"),
            ("[total]\n[draw]\n", r"\[total\]: needs a \[draw\] table before it"),
            (
                "[predict]\n[evaluate]\n[suite]\n",
                r"\[evaluate\]: uses the \[suite\] table after it",
            ),
            ("[[draw]]\n[[draw]]\n", r"\[draw #2\]: the same settings as \[draw #1\]; change"),
        ],
    )
    def test_what_cannot_be_run_is_refused(self, recipe, text, message):
        with pytest.raises(RecipeError, match=message):
            read_recipe(recipe(text))

    def test_a_stage_with_a_wrong_key_still_counts_as_being_there(self, recipe):
        with pytest.raises(RecipeError) as caught:
            read_recipe(recipe("[draw]\nrowz = 5\n[total]\n"))
        assert "needs" not in str(caught.value)

    def test_a_missing_file_and_a_binary_one_are_named(self, recipe):
        path = recipe("")
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(RecipeError, match=r"x\.toml: not UTF-8 text: .*; save it as UTF-8"):
            read_recipe(path)
        with pytest.raises(RecipeError, match=r"cannot read: gone\.toml: No such file"):
            read_recipe(Path("gone.toml"))


class TestOverrides:
    def test_values_are_toml_or_else_text(self, recipe):
        overrides = [
            "draw.rows=7",
            "draw.size=large",
            "draw.source='q.txt'",
            "draw.tags=['a', 'b']",
        ]
        (step,) = read_recipe(recipe("[draw]\nrows = 5\n"), overrides).steps
        assert step.config.model_dump(exclude={"seed"}) == {
            "rows": 7,
            "size": "large",
            "source": Path("q.txt"),
            "tags": ("a", "b"),
        }

    def test_a_value_may_hold_an_equals_sign(self, recipe):
        steps = read_recipe(recipe("[draw]\n[total]\n"), ["total.unit=a=b"]).steps
        assert steps[1].config.unit == "a=b"

    def test_one_holds_for_every_table_of_the_stage(self, recipe):
        path = recipe("[[draw]]\nseed = 1\n[[draw]]\nseed = 2\n")
        assert [s.config.rows for s in read_recipe(path, ["draw.rows=9"]).steps] == [9, 9]

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ("rows=7", r"cannot set: 'rows=7' is not of the form stage\.key=value; write"),
            ("draw.rows", r"cannot set: 'draw\.rows' is not of the form"),
            ("drow.rows=7", r"no table \[drow\] in .*x\.toml; did you mean 'draw'\?"),
        ],
    )
    def test_a_wrong_form_is_refused(self, recipe, override, message):
        with pytest.raises(UsageError, match=message):
            read_recipe(recipe("[draw]\n"), [override])

    def test_a_wrong_key_or_value_is_refused_like_the_recipes_own(self, recipe):
        with pytest.raises(RecipeError, match=r"\[draw\] sed: unknown; did you mean 'seed'\?"):
            read_recipe(recipe("[draw]\n"), ["draw.sed=7"])
        with pytest.raises(RecipeError, match=r"\[draw\] rows: wrong value: '1O'; input should"):
            read_recipe(recipe("[draw]\n"), ["draw.rows=1O"])


class TestCheckForm:
    def test_sixty_lines_with_an_opening_comment_pass(self, recipe):
        text = OPENING + "[draw]\n"
        check_form(recipe(text + "\n" * (60 - text.count("\n"))))

    def test_a_line_more_is_too_long(self, recipe):
        text = OPENING + "[draw]\n"
        with pytest.raises(
            RecipeError, match=r"x\.toml: too long: 61 lines; leave out .* 60 lines"
        ):
            check_form(recipe(text + "\n" * (61 - text.count("\n"))))

    @pytest.mark.parametrize(
        "word", ["Hardware:", "Time:", "Expected score:", "Launch: sqlkiln run"]
    )
    def test_each_part_of_the_opening_comment_must_be_there(self, recipe, word):
        text = OPENING.replace(word, "Other:")
        with pytest.raises(RecipeError, match=rf"x\.toml: no '{word}' in the opening comment"):
            check_form(recipe(text + "[draw]\n"))

    def test_a_comment_further_down_is_not_the_opening(self, recipe):
        with pytest.raises(RecipeError, match="Hardware"):
            check_form(recipe("[draw]\n" + OPENING))


def test_did_you_mean_lists_what_is_known_when_nothing_is_near():
    assert did_you_mean("zzz", ["b", "a"]) == "known are a, b"
