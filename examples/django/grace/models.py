from django.db import models
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken


class Rotation(models.Model):
    """Which refresh token took the place of one that a refresh has spent.

    It belongs to the blacklisting: a token that was blacklisted for another reason, a logout for
    one, has no rotation and no successor. The tokens themselves are where SimpleJWT keeps them, in
    `OutstandingToken`; `flushexpiredtokens` deletes rotations with them.
    """

    spent = models.OneToOneField(
        BlacklistedToken, on_delete=models.CASCADE, primary_key=True, related_name="rotation"
    )
    successor = models.OneToOneField(
        OutstandingToken, on_delete=models.CASCADE, related_name="rotation"
    )

    def __str__(self) -> str:
        return f"{self.spent.token.jti} → {self.successor.jti}"
