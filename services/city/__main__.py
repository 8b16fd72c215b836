"""`python -m services.city` is `wangge`."""

from services.city.cli import main

if __name__ == "__main__":
    main()
