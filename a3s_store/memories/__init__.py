"""What an agent remembers beyond one conversation."""
