"""`python -m backfleet`."""

from backfleet.cli import main

if __name__ == "__main__":
    main()
