"""Keep many live sessions: create, find, restore and close them."""
