"""The hooks in Python HTTP clients, and the guard behind them."""
