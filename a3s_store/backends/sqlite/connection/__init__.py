"""Opening the file, the threads that use it, and its write-ahead log."""
