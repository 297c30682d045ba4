"""Sessions from a store into other tools' files."""
