"""Ask a database from Python.

python examples/ask.py samples/retail/retail.sqlite "How many customers are there in each city?"
"""

import sys

import sqlkiln


def main() -> int:
    """Print SQL, rows and cost of one answer."""
    path, question = sys.argv[1:]
    with sqlkiln.open(path) as database:
        answer = database.ask(question)
    print(answer.sql)
    if answer.error:
        print("no answer:", answer.error)
        return 1
    print(*answer.columns, sep="\t")
    for row in answer.rows:
        print(*row, sep="\t")
    print(f"{answer.timings.total_s:.2f} s, {answer.tokens.completion} tokens, {answer.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
