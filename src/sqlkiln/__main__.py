"""`python -m sqlkiln` is the `sqlkiln` command."""

from sqlkiln.cli.main import main

main()
