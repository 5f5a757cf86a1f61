"""What tests of several folders share."""

import json
import tarfile
from pathlib import Path

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.records import Prediction, Verdict
from sqlkiln.core.store import Manifest
from sqlkiln.scoring.summary import Scores, Source, cost_of, summarize

PLUGIN = Path(__file__).parent / "fixtures" / "plugin"


@pytest.fixture
def demo_plugin(monkeypatch):
    """An installed third-party plug-in with the stages 'draw' and 'total'; its folder."""
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    plugins._group.cache_clear()
    yield PLUGIN
    plugins._group.cache_clear()


@pytest.fixture(scope="session")
def nano_model():
    """The file of the smallest model; fetched the first time."""
    from sqlkiln.models import catalog

    return catalog.resolve("smollm2-135m")


@pytest.fixture(scope="session")
def nano_server(nano_model):
    """The address of llama.cpp's own web server with the smallest model; its key is 'sesame'."""
    from sqlkiln.models.llamacpp import import_native

    native = import_native()
    params = native.CommonParams()
    params.model.path = str(nano_model)
    params.model_alias = {"nano"}
    params.n_parallel, params.n_ctx = 2, 4096
    params.flash_attn_type = native.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_extra_bufts = True
    params.fit_params = params.warmup = False
    params.verbosity = -1
    params.api_keys = ["sesame"]
    params.endpoint_metrics = True
    server = native.Server(params)
    server.handle_metrics()  # its loop runs now: a server that is ended before never ends
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Unpacks an archive of the data that lies beside the repository, once, and gives its folder.

    Skips the test where that data is absent.
    """
    done = {}

    def unpack(name):
        archive = Path(__file__).parents[2] / "shared" / "data" / f"{name}.tar.xz"
        if not archive.exists():
            pytest.skip(f"no {archive.name} in ../shared/data")
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            with tarfile.open(archive) as file:
                file.extractall(done[name], filter="data")
        return done[name]

    return unpack


@pytest.fixture(scope="session")
def spider_data(shared):
    """The Spider benchmark in its official layout, less the databases that are not there."""
    return shared("spider")


@pytest.fixture(scope="session")
def predictions_data(shared):
    """What published systems predicted on Spider dev: <system>.sql and <system>.rows.json."""
    return shared("predictions") / "predictions"


@pytest.fixture
def shop(tmp_path):
    """A small SQLite shop: 3 customers, 4 orders."""
    from sqlkiln.sql.database_build import create_sqlite

    path = tmp_path / "shop.sqlite"
    ddl = (
        "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT);"
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL,"
        " customer_id INTEGER REFERENCES customer(id));"
    )
    rows = {
        "customer": [(1, "Ann", "Oslo"), (2, "Bo", "Rome"), (3, "Cy", None)],
        "orders": [(1, 10.0, 1), (2, 5.5, 1), (3, 7.25, 2), (4, 1.0, 2)],
    }
    create_sqlite(path, ddl, rows)
    return path


@pytest.fixture
def write_run(tmp_path):
    """Writes a complete evaluated run, as `evaluate` would, from rows of your making."""
    return lambda name, rows, **about: _write_run(tmp_path / name, rows, **about)


def _write_run(folder, rows, dataset="shop", digest="d" * 64, databases="b" * 64, **about):
    """Each row is {"id", "scores": {metric: score or verdict fields}} and what else it has.

    `rows` may also map ids to scores of the metric 'execution'. A row's "prediction" holds fields
    of its Prediction, its "failure" its primary label.
    """
    if isinstance(rows, dict):
        rows = [{"id": i, "scores": {"execution": score}} for i, score in rows.items()]
    folder.mkdir(parents=True)
    verdicts, predictions, failures = [], [], []
    for row in rows:
        place = {"id": row["id"], "db_id": row.get("db_id", "shop")}
        for metric, given in row["scores"].items():
            fields = given if isinstance(given, dict) else {"score": given}
            verdicts.append(Verdict(**{"metric": metric, "reason": "so", **place, **fields}))
        predictions.append(Prediction(sql="SELECT 1", **place | row.get("prediction", {})))
        if "failure" in row:
            labels = {"primary": row["failure"], "labels": [row["failure"]]}
            failures.append(json.dumps({"id": row["id"], **labels}))
    source = Source(
        dataset=dataset,
        split="dev",
        data=None,
        questions_file=None,
        questions_sha256=digest,
        databases_sha256=databases,
    )
    scores = Scores(
        source=source,
        predicted_by=about.get("predicted_by", {"model": folder.name, "strategy": "greedy"}),
        questions=len(rows),
        scored=len(rows),
        missing_databases={},
        unreadable_databases={},
        empty_databases=(),
        failed_predictions=0,
        absent_predictions=0,
        limits=about.get("limits", {"timeout_s": 10.0}),
        metrics={m: summarize(m, verdicts) for m in dict.fromkeys(v.metric for v in verdicts)},
        cost=cost_of(predictions),
    )
    manifest = Manifest(
        stage="evaluate",
        hash="0" * 64,
        config={},
        inputs={},
        outputs={},
        counts={},
        git_commit=None,
        versions={"sqlkiln": "0.1.0", "python": "3.11.7"},
        seed=0,
        started_at="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        peak_memory_bytes=None,
    )
    for name, records in (("verdicts", verdicts), ("predictions", predictions)):
        lines = [record.model_dump_json() + "\n" for record in records]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    if failures:
        (folder / "failures.jsonl").write_text("\n".join(failures) + "\n")
    (folder / "scores.json").write_text(scores.model_dump_json())
    (folder / "manifest-evaluate.json").write_text(manifest.model_dump_json())
    return folder
