"""`make demo`: the real parts on this machine, and the story they tell."""
