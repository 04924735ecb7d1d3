"""`python -m runtime` is the command line."""

from runtime.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
