"""What others can test with: strategies for every model, and what every backend owes.

`strategies` needs hypothesis, which comes with the extra `a3s-store[testing]`; nothing in the
package imports this room.
"""
