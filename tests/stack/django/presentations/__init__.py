"""The example, noting each use of a refresh token, for tests that count them.

One line of JSON in the file STACK_PRESENTATIONS when the token comes, and one when the answer is
ready. A line is one `write(2)`, so that a Django that is killed has noted all that it had seen.
Tokens are named by their `jti`, and whoever presents one by the header `x-presented-by`.
"""
