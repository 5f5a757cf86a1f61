import re
from pathlib import Path

from sqlkiln.core.plugins import Metric
from sqlkiln.core.records import Example

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def test_the_plug_in_of_the_guide_fits_its_protocol():
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    module = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), module)
    metric = module["WordCount"]()
    assert isinstance(metric, Metric)
    example = Example(id="1", db_id="shop", question="?", gold_sql="SELECT a FROM t")
    assert metric.score(example, "SELECT b FROM u", None).score == 1
    verdict = metric.score(example, "SELECT 1", None)
    assert (verdict.score, verdict.reason) == (0, "2 words, gold has 4")
