"""What recordings show: marks, shapes, pairs, and what is evidence for what. Nothing is judged."""
