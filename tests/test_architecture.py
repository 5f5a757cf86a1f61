"""The house rules that no linter knows: imports, sizes, names, errors, start-up time."""

import ast
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import sqlkiln
from sqlkiln.core import errors
from sqlkiln.core.config import check_form, read_recipe

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sqlkiln"

MAY_IMPORT = {
    "core": set(),
    "sql": {"core"},
    "prompt": {"core", "sql"},
    "models": {"core"},
    "scoring": {"core", "sql", "prompt"},
    "search": {"core", "sql", "prompt", "scoring"},
    "data": {"core", "sql", "prompt", "scoring", "assets"},
    "distill": {"core", "sql", "prompt", "scoring"},
    "train": {"core", "prompt", "models", "scoring"},
    "evaluate": {"core", "prompt", "scoring"},
    "report": {"core", "scoring"},
    "serve": {"core", "sql", "prompt", "search"},
    "cli": {"core", "sqlkiln"},
    "assets": set(),
}
"""Which of our folders a folder may import, besides itself; 'sqlkiln' is the package's own file.

What is imported for the type checker alone counts too. The command line may import anything
where it does not delay the start: inside functions, and for the type checker.
"""

ONLY_IN = {
    "sqlite3": r"sql/database\w*|sql/values_store",
    "duckdb": r"sql/database\w*",
    "xllamacpp": r"models/llamacpp\w*",
    "torch": r"models/huggingface\w*|train/\w+",
    "transformers": r"models/huggingface\w*|train/\w+",
    "peft": r"models/huggingface\w*|train/\w+",
    "trl": r"train/\w+",
    "fastapi": r"serve/\w+",
    "typer": r"cli/\w+",
    "prompt_toolkit": r"cli/\w+",
}

BANNED = set(
    "util utils helper helpers common misc base manager managers handler handlers processor "
    "processors factory factories legacy new v2".split()
)

START_LIMIT_S = 0.3
HEAVY = {"pydantic", "rich", "sqlglot", "duckdb", "xllamacpp", "httpx", "prompt_toolkit", "sqlite3"}


@dataclass(frozen=True)
class Module:
    path: Path

    @property
    def place(self):
        """Path below the package without the suffix, such as 'core/store'."""
        return self.path.relative_to(SOURCE).with_suffix("").as_posix()

    @property
    def folder(self):
        return self.place.split("/")[0] if "/" in self.place else ""

    @cached_property
    def tree(self):
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def nodes(self, kind):
        return [node for node in ast.walk(self.tree) if isinstance(node, kind)]

    @cached_property
    def functions(self):
        return self.nodes((ast.FunctionDef, ast.AsyncFunctionDef))

    def imports(self, deferred=True):
        """(line, dotted name) of each import, or of those that run when the module is loaded."""
        later = [*self.functions, *(n for n in self.nodes(ast.If) if is_for_types(n))]
        skipped = set() if deferred else {inner for node in later for inner in ast.walk(node)}
        for node in self.nodes((ast.Import, ast.ImportFrom)):
            if node in skipped:
                continue
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{self.place}:{node.lineno}: a relative import"
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
            else:
                yield from ((node.lineno, alias.name) for alias in node.names)


def is_for_types(condition):
    return ast.unparse(condition.test) == "TYPE_CHECKING"


MODULES = [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


def folder_of(name):
    """The folder of ours that an imported name lies in; None for somebody else's."""
    package, *rest = name.split(".")
    if package != "sqlkiln":
        return None
    return rest[0] if rest and (SOURCE / rest[0]).is_dir() else "sqlkiln"


def parts(name):
    """'readHTTPBase_v2' -> read, http, base, v2."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return set(words.lower().strip("_").split("_"))


def test_there_are_modules_to_examine():
    assert len(MODULES) >= 20
    assert {module.folder for module in MODULES} - {""} <= MAY_IMPORT.keys()


def test_folders_import_only_what_lies_below_them():
    wrong = [
        f"{module.place}:{line} imports {name}"
        for module in MODULES
        if module.folder
        for line, name in module.imports(deferred=module.folder != "cli")
        if folder_of(name) not in {None, module.folder, *MAY_IMPORT[module.folder]}
    ]
    assert not wrong, "\n".join(wrong)


def test_stages_do_not_import_one_another():
    stages = {entry.module for entry in entry_points(group="sqlkiln.stages")}
    assert len(stages) >= 2
    examined = 0
    for module in MODULES:
        dotted = f"sqlkiln.{module.place.replace('/', '.')}"
        if dotted in stages:
            examined += 1
            for line, name in module.imports():
                others = [s for s in stages - {dotted} if f"{name}.".startswith(f"{s}.")]
                assert not others, f"{module.place}:{line} imports the stage {others[0]}"
    assert examined == len(stages)


def test_third_parties_stay_in_their_place():
    wrong = [
        f"{module.place}:{line} imports {name}"
        for module in MODULES
        for line, name in module.imports()
        if not re.fullmatch(ONLY_IN.get(name.split(".")[0], r".*"), module.place)
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_have_at_most_400_lines():
    sizes = {module.place: len(module.path.read_text().splitlines()) for module in MODULES}
    assert {place: size for place, size in sizes.items() if size > 400} == {}


def test_functions_have_at_most_60_lines():
    wrong = [
        f"{module.place}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for module in MODULES
        for node in module.functions
        if node.end_lineno - node.lineno + 1 > 60
    ]
    assert not wrong, "\n".join(wrong)


def parameters(function):
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [argument for argument in named + rest if argument.arg not in ("self", "cls")]


def commands(module):
    """The functions that are commands: how many options one has is for its users to say."""
    decorated = [node for node in module.functions for d in node.decorator_list if is_command(d)]
    registered = [call.args[0].id for call in module.nodes(ast.Call) if is_command(call.func)]
    return {node.name for node in decorated} | set(registered)


def is_command(node):
    """Whether this is `app.command(...)`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".command")


def test_functions_have_at_most_7_parameters():
    wrong = [
        f"{module.place}:{node.lineno} {node.name}: {len(parameters(node))} parameters"
        for module in MODULES
        for node in module.functions
        if len(parameters(node)) > 7 and node.name not in commands(module)
    ]
    assert not wrong, "\n".join(wrong)


def defined_names(module):
    """(line, name) of whatever the module gives a name to, itself included.

    An attribute set on an object that somebody else's library made has its name from there.
    """
    yield from ((1, part) for part in module.place.split("/"))
    for node in ast.walk(module.tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str()):
                yield node.lineno, node.asname


def test_no_name_has_a_banned_word():
    named = [(module, *found) for module in MODULES for found in defined_names(module)]
    assert len(named) > 1000
    wrong = {
        f"{module.place}:{line} {name}" for module, line, name in named if parts(name) & BANNED
    }
    assert not wrong, "\n".join(sorted(wrong))


def test_the_library_does_not_print():
    wrong = [
        f"{module.place}:{call.lineno}"
        for module in MODULES
        for call in module.nodes(ast.Call)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]
    assert not wrong, "\n".join(wrong)


# --------------------------------------------------------------------------- errors


ERRORS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.SqlkilnError)
}


def names_in(node):
    return {
        found.id if isinstance(found, ast.Name) else found.attr
        for found in ast.walk(node)
        if isinstance(found, ast.Name | ast.Attribute)
    }


def raised_errors():
    """Our errors that the library raises, makes, returns, or keeps in a table to raise."""
    used = set()
    for module in MODULES:
        for node in ast.walk(module.tree):
            match node:
                case ast.Raise(exc=ast.expr() as made) | ast.Call(func=made):
                    used |= names_in(made)
                case ast.Return(value=ast.expr() as made):
                    used |= names_in(made)
        for node in module.tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                used |= names_in(node.value)
    return used & ERRORS.keys()


def asserted_errors():
    """Our errors that some test expects by `pytest.raises(..., match=...)`."""
    found = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tables = {
            target.id: names_in(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                found |= _asserted_in(function, tables)
    return found & ERRORS.keys()


def _asserted_in(function, tables):
    expected = set()
    for call in ast.walk(function):
        if (
            isinstance(call, ast.Call)
            and ast.unparse(call.func) == "pytest.raises"
            and any(keyword.arg == "match" for keyword in call.keywords)
        ):
            expected |= names_in(call.args[0])
    if expected & {argument.arg for argument in function.args.args}:
        for decorator in function.decorator_list:
            named = names_in(decorator)
            expected |= named.union(*(tables.get(name, set()) for name in named))
    return expected


def test_the_tree_of_errors_is_drawn_as_it_is():
    line = re.compile(r"^( *)(?:\+-- )?(\w+) *(?:exit (\d))?")
    drawn, above = {}, []
    for row in errors.__doc__.split("::\n\n")[1].replace("|", " ").splitlines():
        indent, name, code = line.match(row).groups()
        depth = (len(indent) - 4 + 4 * ("+--" in row)) // 4
        above = [*above[:depth], name]
        parent = above[-2] if depth else "Exception"
        drawn[name] = (parent, int(code) if code else drawn[parent][1])
    assert drawn == {
        name: (kind.__base__.__name__, kind.exit_code) for name, kind in ERRORS.items()
    }


def test_every_error_is_raised_somewhere_and_expected_by_a_test_with_its_message():
    leaves = {name for name, kind in ERRORS.items() if not kind.__subclasses__()}
    raised = raised_errors()
    assert not leaves - raised, f"never raised: {leaves - raised}"
    unasserted = raised - asserted_errors()
    assert not unasserted, f"no test has pytest.raises(..., match=...) for {unasserted}"


# --------------------------------------------------------------------------- start and surface


def best_of_five(*arguments):
    """Seconds of processor time, which other processes on the machine do not lengthen."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


@pytest.mark.parametrize("arguments", [("-c", "import sqlkiln"), ("-m", "sqlkiln", "--help")])
def test_it_starts_quickly(arguments):
    assert 0 < best_of_five(*arguments) < START_LIMIT_S


HELP = "import sys; sys.argv = ['sqlkiln', '--help']\ntry: cli.main()\nexcept SystemExit: pass"


@pytest.mark.parametrize(
    ("script", "heavy"),
    [
        ("import sqlkiln", HEAVY | {"typer"}),
        (f"from sqlkiln.cli import main as cli\n{HELP}", HEAVY),
    ],
    ids=["import", "help"],
)
def test_starting_loads_nothing_heavy(script, heavy):
    script += "\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "sqlkiln" in loaded
    assert heavy & loaded == set()


def test_the_public_names_are_there():
    assert sorted(sqlkiln.__all__) == ["Answer", "Session", "SqlkilnError", "__version__", "open"]
    for name in sqlkiln.__all__:
        assert getattr(sqlkiln, name)
    with pytest.raises(AttributeError, match="has no attribute 'close'"):
        _ = sqlkiln.close
    assert sqlkiln.__version__ == version("sqlkiln")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.place)
def test_modules_say_what_they_are_for(module):
    assert ast.get_docstring(module.tree)


def test_recipes_are_right():
    recipes = sorted((ROOT / "recipes").glob("*.toml"))
    assert len(recipes) >= 1
    for recipe in recipes:
        read_recipe(recipe)
        check_form(recipe)


def test_every_module_can_be_imported():
    for module in MODULES:
        if module.path.name not in ("__main__.py", "database_worker.py"):
            import_module(f"sqlkiln.{module.place.replace('/', '.')}".removesuffix(".__init__"))
