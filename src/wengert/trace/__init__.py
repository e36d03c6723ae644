"""From Python to graphs: running a user's function on values that write down what is done to them."""
