"""`python -m cli`, the same as `mainstay`."""

from cli.main import main

main()
