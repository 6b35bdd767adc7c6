"""What recordings say: shapes of bodies, pairs, and what is evidence for what."""
