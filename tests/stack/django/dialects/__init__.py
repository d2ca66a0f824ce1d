"""The example with other packages for its tokens: one module of settings and one of addresses each.

Everything but the tokens is the example's.
"""
