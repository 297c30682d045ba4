"""A running agent's session, and the contract by which it is saved and resumed."""
