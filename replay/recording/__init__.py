"""Asking the live source and writing down what it answers."""
