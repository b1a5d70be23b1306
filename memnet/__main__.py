"""``python -m memnet`` is ``memnet``."""

from memnet.cli import main

if __name__ == "__main__":
    main()
