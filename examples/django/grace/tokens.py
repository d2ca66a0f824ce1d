from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password


def grace() -> timedelta:
    """How long after its rotation a token counts as presented once more, not as presented twice.

    None without rotation and blacklisting: no token is ever spent then.
    """
    if api_settings.ROTATE_REFRESH_TOKENS and api_settings.BLACKLIST_AFTER_ROTATION:
        return getattr(settings, "REFRESH_TOKEN_GRACE", timedelta())
    return timedelta()


class PresentedToken(RefreshToken):
    """A refresh token as somebody brings it: genuine and not expired, but maybe blacklisted."""

    def check_blacklist(self) -> None:
        """Is done when the token is locked: before that the answer may change at any moment."""

    @property
    def jti(self) -> str:
        return self[api_settings.JTI_CLAIM]

    def lock(self) -> None:
        """Lets one request at a time deal with this token, until the end of the transaction.

        By an UPDATE, which locks in every database. SQLite has no SELECT … FOR UPDATE, and refuses
        to write in a transaction that has read what somebody else has changed meanwhile.
        """
        row = OutstandingToken.objects.filter(jti=self.jti)
        if not row.update(jti=self.jti):
            # It was given before the blacklist's app was installed.
            self.outstand()
            row.update(jti=self.jti)

    def successor(self) -> OutstandingToken | None:
        """The token that took this one's place less than the grace period ago."""
        return OutstandingToken.objects.filter(
            rotation__spent__token__jti=self.jti,
            rotation__spent__blacklisted_at__gt=timezone.now() - grace(),
        ).first()

    def unchanged_successor(self) -> OutstandingToken | None:
        """The same, if its user is still there and has not chosen another password."""
        successor = self.successor()
        if successor is None or successor.user is None:
            return None
        if api_settings.CHECK_REVOKE_TOKEN:
            password = get_md5_hash_password(successor.user.password)
            if self.get(api_settings.REVOKE_TOKEN_CLAIM) != password:
                return None
        return successor


class KeptToken(RefreshToken):
    """A refresh token that SimpleJWT's serializer checks like any other, and does not spend."""

    def keep(self) -> None:
        """In place of what a rotation writes down."""

    blacklist = outstand = keep
