"""`python -m a3s_store` is `a3s-store`."""

from a3s_store.cli import main

if __name__ == "__main__":
    main()
