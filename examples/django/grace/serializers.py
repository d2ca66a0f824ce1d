"""SimpleJWT's serializers for `refresh` and `blacklist`, with a grace period: README.md."""

from typing import Any

from django.db import transaction
from rest_framework_simplejwt.serializers import TokenBlacklistSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from grace.models import Rotation
from grace.tokens import KeptToken, PresentedToken, grace


class GraceTokenRefreshSerializer(TokenRefreshSerializer):
    """Answers a token that was rotated a moment ago as the first time, in case nobody heard that.

    Whoever asks gets the one successor, as long as that is unused: there are never two live tokens.
    """

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        if not grace():
            return super().validate(attrs)
        presented = PresentedToken(attrs["refresh"])
        # Blacklisting, successor and rotation come together or not at all.
        with transaction.atomic():
            presented.lock()
            if successor := presented.unchanged_successor():
                # If it was used or revoked it is on the blacklist, which is checked here.
                self.token_class = KeptToken
                data = super().validate({"refresh": successor.token})
                return data | {"refresh": successor.token}
            data = super().validate(attrs)
            Rotation.objects.create(
                spent=BlacklistedToken.objects.get(token__jti=presented.jti),
                successor=OutstandingToken.objects.get(jti=PresentedToken(data["refresh"]).jti),
            )
            return data


class GraceTokenBlacklistSerializer(TokenBlacklistSerializer):
    """Ends the successor with a token that was rotated a moment ago.

    Who logs out while a refresh is under way knows the old token only, and means the session.
    """

    def validate(self, attrs: dict[str, Any]) -> dict[Any, Any]:
        if not grace():
            return super().validate(attrs)
        presented = PresentedToken(attrs["refresh"])
        with transaction.atomic():
            presented.lock()
            if successor := presented.successor():
                # Which may have been used meanwhile: then it is its own successor's turn.
                return self.validate({"refresh": successor.token})
            return super().validate(attrs)
