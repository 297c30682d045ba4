"""Sessions from other tools' files into a store."""
